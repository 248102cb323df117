"""One entry of `mounts` -> the steps that make it."""

from __future__ import annotations

from ..errors import ConfigError
from ..kernel.constants import MOUNT_ATTR__ATIME, MOUNT_ATTR_RDONLY, MS_BIND, MS_RDONLY, MS_REMOUNT
from ..record import Record
from ..spec.reader import shown
from ..steps.mount_flags import Change
from ..steps.mounts import HideCgroups, MountCgroup, MountFilesystem
from ..steps.paths import BEGIN_EMPTY
from . import mount_options
from .labels import context_option, label_mount_steps
from .rootfs import has_mount_namespace, volume_propagation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.config import Linux, Mount
    from ..steps.step import Step


class MountOptions(Record):
    """The words of `options`, sorted by what they ask for."""

    flags: int = 0  # for mount(2)
    changes: tuple[Change, ...] = ()  # for mount_setattr(2), in order: a later word wins over an earlier one
    data: tuple[str, ...] = ()  # words of the file system's own
    copy_up: bool = False
    id_map: str = ""  # idmap or ridmap
    symlinks: tuple[str, ...] = ()  # what is to be done about those

    def beyond_mount(self) -> tuple[Change, ...]:
        """The changes that mount(2) has no flags for: all from the first recursive one or propagation on."""
        return self.changes[1:] if self.changes and is_plain(self.changes[0]) else self.changes

    def is_read_only(self) -> bool:
        """Whether the mount itself is read-only in the end."""
        words = [change for change in self.changes if (change.attr_set | change.attr_clr) & MOUNT_ATTR_RDONLY]
        return bool(words[-1].attr_set & MOUNT_ATTR_RDONLY) if words else bool(self.flags & MS_RDONLY)

    def writable(self) -> MountOptions:
        """The same for a mount that is not read-only yet."""
        changes = (change.replace(attr_set=change.attr_set & ~MOUNT_ATTR_RDONLY) for change in self.beyond_mount())
        left = tuple(change for change in changes if change.attr_set | change.attr_clr | change.propagation)
        return self.replace(flags=self.flags & ~MS_RDONLY, changes=(Change(), *left))


def sort_options(words: tuple[str, ...]) -> MountOptions:
    """Later words win over earlier ones, as in fstab(5)."""
    flags, copy_up, id_map = 0, False, ""
    changes: list[Change] = []
    data: list[str] = []
    symlinks: list[str] = []
    for word in words:
        moved = mount_options.propagation(word)
        if word in mount_options.FLAGS:
            flag, sets = mount_options.FLAGS[word]
            flags = flags | flag if sets else flags & ~flag
            add_plain(changes, word)
        elif moved:
            changes.append(Change(propagation=moved[0], recursive=moved[1]))
        elif word[:1] == "r" and word[1:] in mount_options.ATTRIBUTES:
            changes.append(Change(*mount_options.ATTRIBUTES[word[1:]], recursive=True))
        elif word == "tmpcopyup":
            copy_up = True
        elif word in mount_options.ID_MAPS:
            id_map = word
        elif word in mount_options.SYMLINKS:
            symlinks.append(word)
        elif not mount_options.is_for_others(word):
            data.append(word)
    return MountOptions(flags, tuple(changes), tuple(data), copy_up, id_map, tuple(symlinks))


def is_plain(change: Change) -> bool:
    return not change.recursive and not change.propagation


def add_plain(changes: list[Change], word: str) -> None:
    """Add what a word such as ro changes, to the change before it where that is of the same kind."""
    if word not in mount_options.ATTRIBUTES:
        return  # a flag of the file system, not of the mount
    last = changes.pop() if changes and is_plain(changes[-1]) else Change()
    to_set, to_clear = mount_options.ATTRIBUTES[word]
    mode = mount_options.CLEARED_ATIME_MODES.get(word)
    other_mode_is_set = last.attr_clr & MOUNT_ATTR__ATIME and last.attr_set & MOUNT_ATTR__ATIME != mode
    if mode is None or not other_mode_is_set:
        last = Change(last.attr_set & ~to_clear | to_set, last.attr_clr & ~to_set | to_clear)
    changes.append(last)


def mount_steps(
    mount: Mount, origin: str, bundle: str, linux: Linux, own_cgroup: bool = True, root: str = "rootfs"
) -> list[Step]:
    """The steps for one entry; `origin` is its place in config.json, `root` the root file system's path. Raises
    ConfigError.

    Without `own_cgroup` the container is in that of the user who runs minirun.
    """
    options = sort_options(mount.options)
    destination = "/" + mount.destination.lstrip("/")
    if options.copy_up and (mount.type != "tmpfs" or options.flags & MS_BIND):
        raise ConfigError(
            f"{origin}/options", f"found tmpcopyup on type {shown(mount.type)}", "tmpcopyup goes with tmpfs only"
        )
    if options.flags & MS_BIND or mount.type == "cgroup":
        options = options.replace(changes=(*cut_from_host(linux), *options.changes))
    if is_volume(mount, options):
        from .binds import Volume, volume_steps

        return volume_steps(Volume(mount, destination, options, origin, bundle, linux, root))
    if options.flags & MS_REMOUNT:
        from ..steps.remounts import Remount

        remount: Step = Remount(destination, options.flags, ",".join(options.data), origin)
        return [remount, *change_steps(destination, options, origin)]
    cgroup = cgroup_step(mount, destination, options, origin, linux, own_cgroup)
    return [cgroup] if cgroup else filesystem(mount, destination, options, origin, linux)


def is_volume(mount: Mount, options: MountOptions) -> bool:
    """Whether it shows what is there already, or has an option that only such a mount can have."""
    is_bind = options.flags & (MS_BIND | MS_REMOUNT) == MS_BIND
    return is_bind or bool(options.symlinks or options.id_map or mount.uid_mappings)


def cgroup_step(
    mount: Mount, destination: str, options: MountOptions, origin: str, linux: Linux, own_cgroup: bool
) -> Step | None:
    """None for what is mounted like any other file system. The spec's "cgroup" is the container's cgroups, of whatever
    version: here it is always v2."""
    own_namespace = any(namespace.type == "cgroup" for namespace in linux.namespaces)
    if mount.type in ("cgroup", "cgroup2") and not own_cgroup:
        return callers_cgroup(destination, options, origin, own_namespace)
    if mount.type == "cgroup" and not own_namespace:
        from ..steps.binds import BindCgroup

        return BindCgroup(destination, options.changes, origin)
    if mount.type == "cgroup" and not options.data:
        return MountCgroup(destination, options.changes, origin)
    return None


def cut_from_host(linux: Linux) -> tuple[Change, ...]:
    """In a mount namespace, all have been cut off from the host's; without one, each has to be where it is bound."""
    kind = volume_propagation(linux)
    return () if has_mount_namespace(linux) or not kind else (Change(propagation=kind, recursive=True),)


def callers_cgroup(destination: str, options: MountOptions, origin: str, own_cgroup_namespace: bool) -> Step:
    """The root inside is the user outside, who may write to some of those files: CVE-2023-25809."""
    if own_cgroup_namespace:
        return MountCgroup(destination, (*options.changes, Change(attr_set=MOUNT_ATTR_RDONLY)), origin)
    return HideCgroups("tmpfs", "tmpfs", destination, options.flags | MS_RDONLY, "mode=555", origin=origin)


def filesystem(mount: Mount, destination: str, options: MountOptions, origin: str, linux: Linux) -> list[Step]:
    """Mount it, label it (SELinux), and then change what mount(2) has no flags for. Raises ConfigError."""
    if not mount.type:
        raise ConfigError(f"{origin}/type", "missing", "a file system's name, or the option bind or rbind")
    kind = "cgroup2" if mount.type == "cgroup" else mount.type
    source = mount.source or kind
    data = ",".join((*options.data, *context_option(linux, kind, options.data)))
    # mount points are to be made in what begins empty: read_only_steps makes it read-only when they are there
    ends_read_only = kind in BEGIN_EMPTY and options.is_read_only()
    options = options.writable() if ends_read_only else options
    mounted: Step = step_for(kind, options.copy_up)(
        kind, source, destination, options.flags, data, origin, ends_read_only
    )
    return [
        *(claim_steps(data, destination, origin) if kind == "overlay" else []),
        mounted,
        *label_mount_steps(linux, kind, destination),
        *change_steps(destination, options, origin),
    ]


def claim_steps(data: str, destination: str, origin: str) -> list[Step]:
    """An overlay of `minirun bundle --overlay` is the root directory. What others are for, their users know."""
    from ..steps.overlay import told
    from ..steps.overlay_claim import ClaimChanges

    upper = told(data, "upperdir")
    return [ClaimChanges(upper, origin)] if upper.startswith("/") and destination == "/" else []


def step_for(kind: str, copy_up: bool) -> type[MountFilesystem]:
    """The variants are imported for the few containers that have them."""
    if copy_up:
        from ..steps.copying import MountFilled

        return MountFilled
    if kind == "overlay":
        from ..steps.overlay import MountOverlay

        return MountOverlay
    return MountFilesystem


def read_only_steps(steps: list[Step]) -> list[Step]:
    """The end of those of `steps` that are mounts to be read-only, once later steps have made their places in them."""
    ends = [step for step in steps if isinstance(step, MountFilesystem) and step.read_only]
    if not ends:
        return []
    from ..steps.remounts import MakeMountReadOnly

    return [MakeMountReadOnly(step.destination, step.origin) for step in ends]


def change_steps(destination: str, options: MountOptions, origin: str) -> list[Step]:
    changes = options.beyond_mount()
    if not changes:
        return []
    from ..steps.remounts import ChangeMount

    return [ChangeMount(destination, changes, origin)]
