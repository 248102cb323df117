"""From config.json to the list of everything that will be done. Read this page first.

A plan is plain data: making one needs no privilege and asks the kernel nothing. Two processes walk down the finished
list. `runs_in` of a step says whose it is (steps/step.py); where the owner changes they hand over (runtime/sync.py).
"""

from __future__ import annotations

from ..errors import ConfigError
from ..record import Record
from ..spec.reader import escape
from ..spec.sysctl import path_of
from ..steps import descriptors, namespaces, program, rootfs, scheduling, state
from ..steps.cgroup import JoinCgroup
from ..steps.process import CloseToTracers, StartContainerProcess, StartSession
from ..steps.sysctl import SetSysctl
from ..steps.terminal import UseTerminal
from .devices import device_steps
from .limits import cgroup_steps, late_limit_steps
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
    compiling, filtering = filter_steps(config, options)
    early, late = ([], filtering) if config.process.no_new_privileges else (filtering, [])
    return (
        state.MakeStateDirectory(options.root, options.id),  # the id is ours, or we stop before anything is made
        *compiling,  # by a library of the host's, so before the fork
        *cgroup_steps(config.linux, options.id),  # a limit on memory comes before the first process
        StartContainerProcess(),  # from here on there are two
        *entry_steps(config, config.process),  # into the cgroup and the namespaces
        *filesystem_steps(config, options),  # what it will see
        *root_steps(config, options),  # and see nothing else
        *preparation_steps(config, config.process, options),  # what takes rights, or opens files
        *last_words(config, config.process, options),  # the runtime's: limits that begin now, and the books
        *early,  # the system call filter, while CAP_SYS_ADMIN is still there
        *identity_steps(config.process),  # who it will be
        *program_steps(config.process, late),  # the last step is execve
    )


def filter_steps(config: Config, options: Options) -> tuple[list[Step], list[Step]]:
    """What makes the filter for system calls, and what loads it."""
    if not config.linux.seccomp:
        return [], []
    from .seccomp import compile_steps, load_steps  # a millisecond, which a container without a filter need not spend

    return compile_steps(config.linux.seccomp), load_steps(config.linux.seccomp, config, options)


def entry_steps(config: Config, process: Process) -> list[Step]:
    """Out of the host's namespaces, with the host's rights still at hand."""
    return [
        *([scheduling.SetOomScoreAdj(process.oom_score_adj)] if process.oom_score_adj is not None else []),
        JoinCgroup(),  # before the cgroup namespace, whose root is the cgroup of this moment
        CloseToTracers(),  # before the first namespace that others may share
        *namespace_steps(config),
        StartSession(),
        *([namespaces.SetLoopbackUp()] if "network" in new_namespaces(config.linux) else []),
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
    linux, types = config.linux, {namespace.type for namespace in config.linux.namespaces}
    path = rootfs_path(config, options)
    steps: list[Step] = [*propagation_before(linux, path), rootfs.BindRootfs(path)]
    for index, mount in enumerate(config.mounts):  # in the order of config.json: later ones may cover earlier ones
        steps += mount_steps(mount, f"/mounts/{index}", options.bundle, "cgroup" in types)
    steps += device_steps(config, in_user_namespace="user" in types)  # after /dev is mounted
    if config.process:
        steps += terminal_steps(config.process)  # after /dev/pts is mounted
        steps.append(program.MakeWorkingDirectory(config.process.cwd))  # before the root is read-only
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


def preparation_steps(config: Config, process: Process, options: Options) -> list[Step]:
    """Everything about the program that needs more than the program will be allowed."""
    personality = config.linux.personality
    home_is_known = any(pair.startswith("HOME=") and pair != "HOME=" for pair in process.env)
    return [
        *([UseTerminal()] if process.terminal else []),
        *scheduling_steps(process),
        *([scheduling.SetPersonality(personality.domain)] if personality else []),
        descriptors.ReopenNull(),
        descriptors.OwnStdio(process.user.uid),
        descriptors.KeepDescriptors(options.preserve_fds),
        program.ChangeDirectory(process.cwd),
        *([] if home_is_known else [program.FindHome(process.user.uid)]),
    ]


def last_words(config: Config, process: Process, options: Options) -> list[Step]:
    """The runtime's last turn: the container's process is still the user that it has a say over."""
    directory = f"{options.root}/{options.id}"
    annotations = tuple(sorted(config.annotations.items()))
    return [
        *rlimit_steps(process),
        *late_limit_steps(config.linux),
        state.WriteState(directory, options.id, options.bundle, config.oci_version, annotations),
    ]
