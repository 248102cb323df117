"""From config.json to the list of everything that will be done. Read this page first.

A plan is plain data: making one needs no privilege and asks the kernel nothing. Two processes walk down the finished
list. `runs_in` of a step says whose it is (steps/step.py); where the owner changes they hand over (runtime/sync.py).
"""

from __future__ import annotations

from ..errors import ConfigError
from ..record import Record
from ..spec.reader import escape
from ..spec.sysctl import path_of
from ..steps import namespaces as namespace
from ..steps import process, program, rootfs, scheduling, state
from ..steps.cgroup import JoinCgroup
from ..steps.sysctl import SetSysctl
from ..steps.terminal import UseTerminal
from .devices import device_steps
from .limits import cgroup_steps
from .mounts import mount_steps
from .namespaces import name_steps, namespace_steps, new_namespaces
from .process import identity_steps, program_steps, rlimit_steps, scheduling_steps, terminal_steps
from .rootfs import path_steps, propagation_after, propagation_before

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.config import Config, Process
    from ..steps.step import Step


class Options(Record):
    """What the command line says about a container, beside its config.json. Paths are absolute."""

    id: str
    bundle: str
    root: str = state.DEFAULT_ROOT
    preserve_fds: int = 0
    no_pivot: bool = False


def plan(config: Config, options: Options) -> tuple[Step, ...]:
    """Every step of a container's start, in order. Raises ConfigError where parts of config.json contradict."""
    if config.process is None:
        raise ConfigError("/process", "missing", "a container can't be started without a process")
    return (
        state.MakeStateDirectory(options.root, options.id),  # the id is ours, or we stop before anything is made
        *cgroup_steps(config.linux, options.id),  # limits first: no process is ever without them
        process.StartContainerProcess(),  # from here on there are two
        *entry_steps(config, config.process),  # into the cgroup and the namespaces
        *filesystem_steps(config, options),  # what it will see
        *root_steps(config, options),  # and see nothing else
        *becoming_steps(config, config.process, options),  # who it will be
        *write_state(config, options),  # the books are in order before the program runs
        *program_steps(config.process),  # the last step is execve
    )


def entry_steps(config: Config, told: Process) -> list[Step]:
    """Out of the host's namespaces, with the host's rights still at hand."""
    return [
        *([scheduling.SetOomScoreAdj(told.oom_score_adj)] if told.oom_score_adj is not None else []),
        JoinCgroup(),  # before the cgroup namespace, whose root is the cgroup of this moment
        process.CloseToTracers(),  # before the first namespace that others may share
        *namespace_steps(config),
        process.StartSession(),
        *([namespace.SetLoopbackUp()] if "network" in new_namespaces(config.linux) else []),
        *name_steps(config),
        *sysctl_steps(config),  # while /proc is still the host's
    ]


def sysctl_steps(config: Config) -> list[Step]:
    return [
        SetSysctl(key, value, path_of(key), f"/linux/sysctl/{escape(key)}")
        for key, value in config.linux.sysctl.items()
    ]


def filesystem_steps(config: Config, options: Options) -> list[Step]:
    """All file systems are put together below the root directory, which is still an ordinary directory of the host."""
    linux, types = config.linux, {told.type for told in config.linux.namespaces}
    path = rootfs_path(config, options)
    steps: list[Step] = [*propagation_before(linux, path), rootfs.BindRootfs(path)]
    for index, mount in enumerate(config.mounts):  # in the order of config.json: later ones may cover earlier ones
        steps += mount_steps(mount, f"/mounts/{index}", options.bundle, "cgroup" in types)
    steps += device_steps(linux, in_user_namespace="user" in types)  # after /dev is mounted
    steps += terminal_steps(config.process) if config.process else []  # after /dev/pts is mounted
    steps += path_steps(linux)  # after /proc and /sys are mounted
    if config.root.readonly:
        steps.append(rootfs.MakeRootReadOnly())  # after every mount point is made
    return steps


def rootfs_path(config: Config, options: Options) -> str:
    path = config.root.path
    return path if path.startswith("/") else f"{options.bundle}/{path}"


def root_steps(config: Config, options: Options) -> list[Step]:
    """Change the root, once."""
    path = rootfs_path(config, options)
    change = [rootfs.MoveRoot(path)] if options.no_pivot else [rootfs.PivotRoot(), rootfs.DetachOldRoot()]
    return [*change, *propagation_after(config.linux)]


def becoming_steps(config: Config, told: Process, options: Options) -> list[Step]:
    """From a process with all rights to the one that config.json describes. What takes rights comes first."""
    domain = config.linux.personality
    return [
        *([UseTerminal()] if told.terminal else []),
        *scheduling_steps(told),
        *([scheduling.SetPersonality(domain.domain)] if domain else []),
        *rlimit_steps(told),
        program.ReopenNull(),
        program.OwnStdio(told.user.uid),
        program.KeepDescriptors(options.preserve_fds),
        program.ChangeDirectory(told.cwd),
        *identity_steps(told),
    ]


def write_state(config: Config, options: Options) -> list[Step]:
    directory = f"{options.root}/{options.id}"
    annotations = tuple(sorted(config.annotations.items()))
    return [state.WriteState(directory, options.id, options.bundle, config.oci_version, annotations)]
