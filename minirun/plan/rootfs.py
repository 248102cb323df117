"""`root`, `rootfsPropagation`, masked and read-only paths -> steps."""

from __future__ import annotations

import os

from ..errors import ConfigError
from ..kernel.constants import MS_PRIVATE, MS_REC, MS_SHARED, MS_SLAVE
from ..spec.reader import shown
from ..steps import masks, rootfs
from . import mount_options
from .labels import context_option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.config import Config, Linux
    from ..steps.step import Step
    from .options import Options


def rootfs_path(config: Config, options: Options) -> str:
    path = config.root.path
    return path if path.startswith("/") else f"{options.bundle}/{path}"


def has_mount_namespace(linux: Linux) -> bool:
    return any(namespace.type == "mount" for namespace in linux.namespaces)


def bind_steps(linux: Linux, path: str, directory: str) -> list[Step]:
    """A mount that all others of the container will be below."""
    if has_mount_namespace(linux):
        return [*propagation_before(linux, path), rootfs.BindRootfs(path)]
    from ..steps.other_roots import BindRootfsOutside, HoldRoot

    place = f"{directory}/outside/rootfs"
    return [BindRootfsOutside(path, place), HoldRoot(place)]


def root_steps(linux: Linux, no_pivot: bool) -> list[Step]:
    """Change the root, once."""
    if has_mount_namespace(linux) and not no_pivot:
        return [rootfs.PivotRoot(), rootfs.DetachOldRoot(), *propagation_after(linux)]
    from ..steps.other_roots import ChangeRoot, MoveRoot

    return [MoveRoot() if has_mount_namespace(linux) else ChangeRoot(), *propagation_after(linux)]


def find_root_of_other_steps(linux: Linux, pid: int) -> list[Step]:
    """For a process that joins the container: setns(2) gives it the root of the mount namespace, if there is one."""
    from ..steps.other_roots import HoldRoot

    return [] if has_mount_namespace(linux) else [HoldRoot(f"/proc/{pid}/root")]


def root_of_other_steps(linux: Linux) -> list[Step]:
    from ..steps.other_roots import ChangeRoot, HoldRoot

    return [*([] if has_mount_namespace(linux) else [ChangeRoot()]), HoldRoot()]


def propagation_before(linux: Linux, path: str) -> list[Step]:
    """Cut the ties to the host's mounts before the first mount is made.

    As a slave the namespace still learns of new mounts of the host, and tells it nothing. Only a root that config.json
    wants shared keeps the ties of the volumes that lie below it; there the rootfs itself has to be cut off.
    """
    kind, _recursive = asked_propagation(linux)
    if kind == MS_SHARED:
        from ..steps.other_roots import MakeParentPrivate

        return [MakeParentPrivate(path)]
    return [rootfs.SetRootPropagation((MS_PRIVATE if kind == MS_PRIVATE else MS_SLAVE) | MS_REC)]


def propagation_after(linux: Linux) -> list[Step]:
    """pivot_root(2) refuses a shared root, so what config.json asks for is set when that is done."""
    if linux.rootfs_propagation is None:
        return []
    kind, recursive = asked_propagation(linux)
    return [rootfs.SetRootPropagation(kind | (MS_REC if recursive else 0), "/linux/rootfsPropagation")]


def volume_propagation(linux: Linux) -> int:
    """What `propagation_before` has done to every mount of the namespace, for one that comes from outside of it."""
    kind, _recursive = asked_propagation(linux)
    return {MS_SHARED: 0, MS_PRIVATE: MS_PRIVATE}.get(kind, MS_SLAVE)


def asked_propagation(linux: Linux) -> tuple[int, bool]:
    return mount_options.propagation(linux.rootfs_propagation or "rslave") or (MS_SLAVE, True)


def plain(path: str) -> str:
    """The path without what means nothing, such as //, /. and /x/.. (unless x is a symlink)."""
    return os.path.normpath("/" + path.lstrip("/"))


def path_steps(linux: Linux) -> list[Step]:
    """The paths that are hidden or made read-only, all of them in mounts that are made by now."""
    return [
        *(masks.MakePathReadOnly(p, f"/linux/readonlyPaths/{i}") for i, p in enumerate(linux.readonly_paths)),
        *masked(linux).values(),
    ]


def masked(linux: Linux) -> dict[str, Step]:
    """Each path once, since a second mount on the first hides nothing more. It is the same one only where it is the
    same text: what lies at /a/../b is known when /a is looked up."""
    return {path: mask(linux, path, f"/linux/maskedPaths/{index}") for index, path in enumerate(linux.masked_paths)}


def mask(linux: Linux, path: str, origin: str) -> Step:
    if plain(path) == "/":
        raise ConfigError(origin, f"found {shown(path)}, the root itself: nothing would be left", "what lies in it")
    return masks.MaskPath(path, origin, ",".join(context_option(linux, "tmpfs", ())))
