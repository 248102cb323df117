"""One entry of `mounts` -> the steps that make it."""

from __future__ import annotations

from ..errors import ConfigError
from ..kernel.constants import MS_BIND, MS_REC, MS_REMOUNT
from ..record import Record
from ..steps.mounts import BindCgroup, BindMount, Change, ChangeMount, MountFilesystem, Remount
from . import mount_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.config import Mount
    from ..steps.step import Step


class Options(Record):
    """The words of `options`, sorted by what they ask for."""

    flags: int = 0  # for mount(2)
    plain: tuple[Change, ...] = ()  # the same flags, as mount_setattr(2) takes them
    extra: tuple[Change, ...] = ()  # what mount(2) has no flag for: propagation, recursive flags
    data: tuple[str, ...] = ()  # words of the file system's own
    copy_up: bool = False


def sort_options(words: tuple[str, ...]) -> Options:
    """Later words win over earlier ones, as in fstab(5)."""
    flags, attr_set, attr_clr, copy_up = 0, 0, 0, False
    extra: list[Change] = []
    data: list[str] = []
    for word in words:
        moved = mount_options.propagation(word)
        if word in mount_options.FLAGS:
            flag, sets = mount_options.FLAGS[word]
            flags = flags | flag if sets else flags & ~flag
            to_set, to_clear = mount_options.ATTRIBUTES.get(word, (0, 0))
            attr_set = attr_set & ~to_clear | to_set
            attr_clr = attr_clr & ~to_set | to_clear
        elif moved:
            extra.append(Change(propagation=moved[0], recursive=moved[1]))
        elif word[:1] == "r" and word[1:] in mount_options.ATTRIBUTES:
            to_set, to_clear = mount_options.ATTRIBUTES[word[1:]]
            extra.append(Change(to_set, to_clear, recursive=True))
        elif word == "tmpcopyup":
            copy_up = True
        elif word != "defaults":
            data.append(word)
    plain = (Change(attr_set, attr_clr),) if attr_set or attr_clr else ()
    return Options(flags, plain, tuple(extra), tuple(data), copy_up)


def mount_steps(mount: Mount, origin: str, bundle: str, own_cgroup_namespace: bool) -> list[Step]:
    """The steps for one entry; `origin` is its place in config.json. Raises ConfigError."""
    options = sort_options(mount.options)
    destination = "/" + mount.destination.lstrip("/")
    if options.copy_up and mount.type != "tmpfs":
        raise ConfigError(
            f"{origin}/options", f"found tmpcopyup on type {mount.type}", "tmpcopyup goes with tmpfs only"
        )
    if options.flags & MS_REMOUNT:
        return [Remount(destination, options.flags, ",".join(options.data), origin)]
    if options.flags & MS_BIND:
        return [bind(mount, destination, options, origin, bundle)]
    if mount.type == "cgroup" and not own_cgroup_namespace:
        return [BindCgroup(destination, options.plain + options.extra, origin)]
    return filesystem(mount, destination, options, origin)


def bind(mount: Mount, destination: str, options: Options, origin: str, bundle: str) -> Step:
    if not mount.source:
        raise ConfigError(f"{origin}/source", "missing", "a bind mount needs a file or directory of the host")
    if options.data:
        raise ConfigError(
            f"{origin}/options",
            f"found {', '.join(options.data)}",
            "a bind mount takes no options of a file system: check the spelling",
        )
    source = mount.source if mount.source.startswith("/") else f"{bundle}/{mount.source}"
    return BindMount(source, destination, bool(options.flags & MS_REC), options.plain + options.extra, origin)


def filesystem(mount: Mount, destination: str, options: Options, origin: str) -> list[Step]:
    if not mount.type:
        raise ConfigError(f"{origin}/type", "missing", "a file system's name, or the option bind or rbind")
    # The spec's "cgroup" is the container's cgroups, of whatever version: here it is always v2.
    kind = "cgroup2" if mount.type == "cgroup" else mount.type
    source = mount.source or kind
    data = ",".join(options.data)
    steps: list[Step] = [
        MountFilesystem(kind, source, destination, options.flags, data, options.copy_up, origin),
    ]
    if options.extra:
        steps.append(ChangeMount(destination, options.extra, origin))
    return steps
