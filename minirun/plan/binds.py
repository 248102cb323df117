"""An entry of `mounts` that shows what is there already -> the steps that make it.

The plain container has none, so this is imported for those that do.
"""

from __future__ import annotations

from ..errors import ConfigError
from ..kernel.constants import MS_BIND, MS_REC, MS_REMOUNT
from ..record import Record
from ..spec.reader import shown
from ..steps.binds import BindMount
from . import mount_options
from .namespaces import ranges
from .rootfs import plain, volume_propagation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.config import Linux, Mount
    from ..steps.step import Step
    from .mounts import MountOptions


class Volume(Record):
    """The entry, and what it takes to understand it."""

    mount: Mount
    destination: str
    options: MountOptions
    origin: str  # its place in config.json
    bundle: str  # a relative source is taken from there
    linux: Linux
    root: str  # the root file system's path

    @property
    def is_bind(self) -> bool:
        return self.options.flags & (MS_BIND | MS_REMOUNT) == MS_BIND

    @property
    def is_mapped(self) -> bool:
        """A mount with mappings of its own is mapped even without the option, which older versions of the spec lack."""
        return bool(self.options.id_map or self.mount.uid_mappings)

    @property
    def has_user_namespace(self) -> bool:
        return any(namespace.type == "user" for namespace in self.linux.namespaces)


def volume_steps(volume: Volume) -> list[Step]:
    """Raises ConfigError."""
    if volume.options.symlinks:
        check_symlinks(volume)
    if volume.is_mapped:
        check_mapping(volume)
        return mapped(volume)
    bound = bind_mount(volume)
    return [*open_steps(bound), bound]


def check_symlinks(volume: Volume) -> None:
    words, place = volume.options.symlinks, f"{volume.origin}/options"
    found = f"found {', '.join(map(shown, words))}"
    if not volume.is_bind or volume.is_mapped:
        raise ConfigError(place, found, "that goes with bind or rbind only, without mapped owners")
    if mount_options.COPY_SYMLINK in words and len(set(words)) > 1:
        raise ConfigError(place, found, "a symlink can be copied, or not be followed, but not both")


def check_mapping(volume: Volume) -> None:
    if not volume.mount.uid_mappings and not volume.has_user_namespace:
        raise ConfigError(
            f"{volume.origin}/options",
            f"found {volume.options.id_map}, but nothing to map by",
            "with it uidMappings and gidMappings in the mount, or a user namespace in /linux/namespaces",
        )
    if not volume.is_bind:
        raise ConfigError(
            volume.origin, "found a mapping for what is not a bind mount", "it goes with bind or rbind only"
        )


# ---- mapped owners


def mapped(volume: Volume) -> list[Step]:
    from ..steps.mapped_mounts import AttachMappedMount, OpenMappedMount

    bound = bind_mount(volume)
    deep = mount_options.ID_MAPS.get(volume.options.id_map, False)
    maps = ranges(volume.mount.uid_mappings), ranges(volume.mount.gid_mappings)
    propagation, is_inside = volume_propagation(volume.linux), bool(bound.inside)
    return [
        *(copy_steps(bound) if is_inside else []),
        OpenMappedMount(bound.source, bound.recursive, deep, *maps, propagation, volume.origin, is_inside),
        AttachMappedMount(volume.destination, volume.options.changes, volume.origin),
    ]


def copy_steps(bound: BindMount) -> list[Step]:
    """What only the container's process sees, it copies for the runtime to map."""
    from ..steps.sources import CopySource

    return [*open_steps(bound), CopySource(bound, bound.origin)]


def open_steps(bound: BindMount) -> list[Step]:
    """The source is opened by the runtime, if it is to be."""
    if not bound.is_opened:
        return []
    from ..steps.sources import LendRoot, OpenSource

    path = bound.inside or bound.source
    inside = bool(bound.inside)
    return [LendRoot(inside, bound.origin), OpenSource(path, bound.follow, bound.origin, inside)]


# ---- the mount itself


def bind_mount(volume: Volume) -> BindMount:
    options, source = volume.options, source_of(volume)
    bound = BindMount(
        source,
        volume.destination,
        bool(options.flags & MS_REC),
        options.changes,
        volume.origin,
        path_inside(source, volume.root),
        volume.has_user_namespace,  # whose root may not reach it
        mount_options.SRC_NOFOLLOW not in options.symlinks,
        mount_options.DEST_NOFOLLOW not in options.symlinks,
    )
    return symlink_copy(bound) if mount_options.COPY_SYMLINK in options.symlinks else bound


def source_of(volume: Volume) -> str:
    source, data = volume.mount.source, volume.options.data
    if not source:
        raise ConfigError(f"{volume.origin}/source", "missing", "a bind mount needs a file or directory of the host")
    if data:
        raise ConfigError(
            f"{volume.origin}/options",
            f"found {', '.join(map(shown, data))}",
            "a bind mount takes no options of a file system: check the spelling",
        )
    return source if source.startswith("/") else f"{volume.bundle}/{source}"


def symlink_copy(bound: BindMount) -> BindMount:
    from ..steps.symlinks import CopySymlink

    return CopySymlink(*bound.replace(follow=False).values())


def path_inside(source: str, root: str) -> str:
    """What the container calls a source that lies below its root; "" for one that does not, as far as names tell."""
    source, root = plain(source), plain(root)
    if source == root:
        return "/"
    return source.removeprefix(root) if source.startswith(f"{root}/") and root != "/" else ""
