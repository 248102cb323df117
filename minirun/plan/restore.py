"""A container from the images of a checkpoint -> steps.

It has the books, the cgroup and the limits of any other container, by the same functions. All the rest CRIU makes.
"""

from __future__ import annotations

import os

from ..errors import StateError
from ..kernel.constants import MS_REC, MS_SLAVE
from ..steps import joining, namespaces, rootfs
from ..steps.cgroup_entry import JoinCgroup
from ..steps.process import StartContainerProcess
from ..steps.restore import (
    BeginRestore,
    CheckImages,
    ExecuteCriu,
    HoldImages,
    RestoreLoopback,
    RestoreProcesses,
    ResumeProcesses,
    TakeSocket,
    shown_type,
)
from ..steps.restore_mounts import MakeMountPoints, RestoreMountOptions
from ..steps.terminal import SendTerminal
from .checkpoint import INHERITED, JOINED, binds, check, destination_of, namespace_paths
from .container import book_steps, check_terminal, note, told_pid_steps
from .hooks import hook_steps, poststop_steps, told_to_others
from .limits import cgroup_steps, choose_cgroup, enter_cgroup_steps, late_limit_steps, owner_steps
from .namespaces import net_device_steps, new_namespaces
from .options import CGROUPFS
from .rootfs import rootfs_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.config import Config
    from ..steps.criu import Wishes
    from ..steps.step import Step
    from .options import Options


def restore_plan(config: Config, options: Options, wishes: Wishes) -> tuple[Step, ...]:
    """Every step, in order. Raises ConfigError, StateError."""
    if config.process is None:
        raise StateError("cannot restore the container: its config.json has no process")
    check(config, options)
    check_terminal(config.process, options)
    linux, told, manager = config.linux, told_to_others(config, options), options.cgroup_manager
    return (
        *poststop_steps(config, told),  # undone last, when nothing else is left
        CheckImages(wishes),
        *book_steps(options),
        choose_cgroup(linux, options.id, manager),
        note(config, options, told, complete=False),
        *cgroup_steps(linux, options.id, manager),  # CRIU is in there, and so is all that it makes
        StartContainerProcess(JoinCgroup() if manager == CGROUPFS else None),  # it becomes CRIU
        *enter_cgroup_steps(config, options.id, manager),
        *host_steps(config, options),
        HoldImages(wishes),
        TakeSocket(wishes),
        ExecuteCriu(wishes),
        begin_step(config, options, wishes),
        *([RestoreLoopback()] if "network" in new_namespaces(linux) else []),
        *net_device_steps(linux),
        *hook_steps(config, "prestart", told),
        *hook_steps(config, "createRuntime", told),
        RestoreProcesses(),
        RestoreMountOptions(wishes.image_path),
        *late_limit_steps(linux, options.id, manager, options.rootless),  # they would hit CRIU
        *owner_steps(config, config.process, manager),
        note(config, options, told, complete=True),
        *([SendTerminal(options.console_socket)] if options.console_socket else []),
        *told_pid_steps(options, "standard"),
        ResumeProcesses(config.process.no_new_privileges),
        *hook_steps(config, "poststart", told),
    )


def host_steps(config: Config, options: Options) -> list[Step]:
    """CRIU's own view of the host, in which the root directory is a mount: it wants that, and nobody else sees it."""
    paths = namespace_paths(config.linux)
    return [
        *(joining.OpenNamespace(kind, paths[kind], "", "/linux/namespaces") for kind in INHERITED if kind in paths),
        namespaces.Unshare(("mount",)),
        rootfs.SetRootPropagation(MS_SLAVE | MS_REC),
        rootfs.BindRootfs(rootfs_path(config, options)),
        *mount_point_steps(config, options),
    ]


def mount_point_steps(config: Config, options: Options) -> list[Step]:
    """In the root directory itself: what lies below another mount is in that one, or in CRIU's images."""
    sources_of = dict(sources(config, options))
    found = dict.fromkeys(map(destination_of, config.mounts))
    outer = [one for one in found if one != "/" and not any(is_below(one, other) for other in found if other != "/")]
    return [MakeMountPoints(tuple((one, sources_of.get(one, "")) for one in outer))] if outer else []


def is_below(path: str, above: str) -> bool:
    return path.startswith(f"{above.rstrip('/')}/")


def sources(config: Config, options: Options) -> tuple[tuple[str, str], ...]:
    """Of what config.json binds: the destination, and the place on the host. Engines that restore elsewhere have it
    made anew, with the mounts in another order."""
    return tuple((destination_of(mount), os.path.join(options.bundle, mount.source or "")) for mount in binds(config))


def begin_step(config: Config, options: Options, wishes: Wishes) -> Step:
    paths = namespace_paths(config.linux)
    return BeginRestore(
        wishes,
        rootfs_path(config, options),
        sources(config, options),
        tuple(kind for kind in INHERITED if kind in paths),
        tuple((shown_type(kind), paths[kind]) for kind in JOINED if kind in paths),
        "network" in new_namespaces(config.linux),
    )
