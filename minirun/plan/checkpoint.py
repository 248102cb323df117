"""A checkpoint of a container that is there -> steps; and what can be kept in one, for a restore, too (restore.py)."""

from __future__ import annotations

from ..errors import ConfigError, StateError
from ..kernel.constants import MS_BIND, MS_REMOUNT
from ..steps.checkpoint import DumpProcesses, FindExternalMounts, MakeImages, OpenImages, SaveDescriptors
from .mounts import sort_options
from .namespaces import new_namespaces
from .rootfs import has_mount_namespace, rootfs_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.config import Config, Linux, Mount
    from ..steps.criu import Wishes
    from ..steps.step import Step
    from .options import Options

INHERITED = ("network", "pid")  # namespaces that CRIU is handed as they are
JOINED = ("ipc", "uts")  # those that it makes images of, and that a restore joins all the same


def checkpoint_plan(config: Config, options: Options, wishes: Wishes) -> tuple[Step, ...]:
    """Every step, in order. Raises ConfigError, StateError for what CRIU can't keep."""
    check(config, options)
    paths = namespace_paths(config.linux)
    return (
        MakeImages(wishes.image_path, wishes.work_path),
        OpenImages(wishes),
        *(() if wishes.pre_dump else note_steps(config, wishes)),
        DumpProcesses(
            wishes,
            rootfs_path(config, options),
            tuple(kind for kind in INHERITED if kind in paths),
            "network" in new_namespaces(config.linux),
        ),
    )


def note_steps(config: Config, wishes: Wishes) -> list[Step]:
    """What CRIU's images don't tell, in files beside them."""
    destinations = tuple(destination_of(mount) for mount in binds(config))
    return [SaveDescriptors(wishes.image_path), FindExternalMounts(wishes.image_path, destinations)]


def check(config: Config, options: Options) -> None:
    if options.rootless:
        raise StateError("checkpoint and restore are root's: CRIU changes what only root may\n  cure:  sudo")
    if not has_mount_namespace(config.linux):
        raise ConfigError(
            "/linux/namespaces", "no mount namespace", "one, for a checkpoint: else the mounts are the host's"
        )
    for index, mount in enumerate(config.mounts):
        if mount.uid_mappings or sort_options(mount.options).id_map:
            raise ConfigError(
                f"/mounts/{index}", "found a mount with mapped ids", "none, for a checkpoint: CRIU has no name for it"
            )
    for index, namespace in enumerate(config.linux.namespaces):
        if namespace.path is not None and namespace.type not in (*INHERITED, *JOINED):
            raise ConfigError(
                f"/linux/namespaces/{index}/path",
                f"found a path, to join a {namespace.type} namespace",
                f"a new {namespace.type} namespace, for a checkpoint: CRIU can't keep it apart from its other users",
            )


def namespace_paths(linux: Linux) -> dict[str, str]:
    return {one.type: one.path for one in linux.namespaces if one.path is not None}


def binds(config: Config) -> list[Mount]:
    """The mounts of the host's files."""
    return [one for one in config.mounts if sort_options(one.options).flags & (MS_BIND | MS_REMOUNT) == MS_BIND]


def destination_of(mount: Mount) -> str:
    return "/" + mount.destination.lstrip("/")
