"""From config.json to the list of everything that will be done. Read this page first.

A plan is plain data: making one needs no privilege and asks the kernel nothing. Two processes walk down the finished
list. `runs_in` of a step says whose it is (steps/step.py); where the owner changes they hand over (runtime/sync.py).
"""

from __future__ import annotations

from ..errors import ConfigError, StateError
from ..spec.config import EXTENSION, Process, User
from ..spec.reader import escape
from ..steps import descriptors, home, namespaces, rootfs, state
from ..steps.cgroup_entry import JoinCgroup
from ..steps.process import CloseToTracers, StartContainerProcess, StartSession
from .devices import device_steps
from .hooks import hook_steps, output_steps, poststop_steps, told_to_others
from .keyring import keyring_steps
from .labels import module_steps, open_label_steps
from .limits import (
    cgroup_steps,
    choose_cgroup,
    delegation_steps,
    enter_cgroup_steps,
    late_limit_steps,
)
from .mounts import mount_steps, read_only_steps
from .namespaces import begins_in_pid_namespace, name_steps, namespace_steps, new_namespaces
from .notify import notify_directory_steps, notify_mount_steps
from .options import CGROUPFS, INHERITED, Options, made
from .process import (
    identity_steps,
    program_steps,
    rlimit_steps,
    terminal_steps,
    use_terminal_steps,
)
from .resctrl import join_resctrl_steps, resctrl_steps
from .rootfs import bind_steps, path_steps, root_steps, rootfs_path
from .scheduling import io_priority_steps, memory_policy_steps, oom_steps, personality_steps, scheduler_steps
from .start import early_filter_steps, start_steps, waits_unfiltered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.config import Config
    from ..steps.step import Step
    from ..steps.told import State
    from .exec import ExecOptions


NO_PROCESS = Process("/", User(0, 0))


def plan(config: Config, options: Options) -> tuple[Step, ...]:
    """Every step of a container's start, in order. Raises ConfigError where parts of config.json contradict."""
    if config.process is None and not options.wait_for_start:
        raise ConfigError("/process", "missing", "a container can't be started without a process")
    process = config.process or NO_PROCESS  # `create` can do without one: runtime.md#create
    check_terminal(process, options)
    if options.uid:
        from .rootless import check  # what root need not read

        check(config, options.gid)
    told = told_to_others(config, options)
    filtering = early_filter_steps(config, process, told)
    return (
        *poststop_steps(config, told),  # undone last, when nothing else is left
        *book_steps(options),  # the id is ours, or we stop before anything is made
        *module_steps(config.linux, process),  # refused at once: a label that no module would look at
        *output_steps(config),  # opened while it can be: a file for what hooks print
        choose_cgroup(config.linux, options.id, options.cgroup_manager),
        # into the books: should minirun be killed from now on, `delete` knows what there is
        note(config, options, told, complete=False),
        *notify_directory_steps(options),  # where the program can tell that it is ready (sd_notify(3))
        *compile_filter_steps(config),  # the system call filter, by a library of the host's: so before the fork
        *cgroup_steps(config.linux, options.id, options.cgroup_manager),  # its limits, before the first process
        *resctrl_steps(config.linux, options.id),  # shares of the processor's cache
        *guard_steps(process, options),  # open files of the caller's, on the host's devices
        start_step(config, options),  # from here on there are two
        *entry_steps(config, process, options),  # into the namespaces
        *filesystem_steps(config, options),  # what it will see
        *hook_steps(config, "prestart", told),
        *hook_steps(config, "createRuntime", told),
        *hook_steps(config, "createContainer", told),
        *root_steps(config.linux, options.no_pivot),  # and see nothing else
        *own_steps(process, options),  # what no other process can do for it
        *preparation_steps(config, process, options),  # what takes rights, or opens files
        # for the wait until `start`, which may be long: no file of the host's stays open
        *([descriptors.CloseFiles(options.listen_fds + options.preserve_fds)] if options.wait_for_start else []),
        *scheduler_steps(process),
        *rlimit_steps(process),  # the container's process is still the user that the runtime has a say over
        # those that would hit what came before
        *late_limit_steps(config.linux, options.id, options.cgroup_manager, options.rootless),
        *delegation_steps(config, process, options),  # of the cgroup, which is complete now
        *identity_steps(process, options.rootless, config.extensions.keep_groups, bool(filtering)),  # who it will be
        *(program_steps(process) if config.process else []),  # all but the program itself
        *(waiting_steps() if options.wait_for_start else []),  # `create` returns when they are done
        # as late as can be: it has a say about minirun from here on
        *([] if waits_unfiltered(config, options) else filtering),
        note(config, options, told, complete=True),
        *told_pid_steps(options, "standard", config.extensions.pidfd_receiver),  # by which callers find the process
        *start_steps(config, options),  # and then the program: with `create`, it is `start` that goes on here
    )


def planned(config: Config, options: Options) -> tuple[Step, ...]:
    """The same, without what the command line wants left out."""
    return made(plan, config, options)


def check_terminal(process: Process, options: Options | ExecOptions) -> None:
    """Where nobody stays, a terminal has to go to somebody. Raises ConfigError, StateError."""
    if process.terminal and options.detach and not options.console_socket:
        raise ConfigError(
            "/process/terminal",
            "true, but nobody stays to hold the terminal",
            "a terminal with --console-socket, or in the foreground; else false",
        )
    if options.console_socket and not (process.terminal and options.detach):
        raise StateError(
            "nothing would come to the console socket\n"
            "  cure:  --console-socket is for a container with process.terminal that is detached"
        )


def book_steps(options: Options) -> list[Step]:
    return [
        state.MakeStateDirectory(options.root, options.id),
        state.SaveConfig(options.directory, options.config or f"{options.bundle}/config.json"),
        *(start_socket_steps(options) if options.wait_for_start else []),
    ]


def start_socket_steps(options: Options) -> list[Step]:
    from ..steps.start_socket import OpenStartSocket  # `run` does without

    return [OpenStartSocket(options.directory)]


def note(config: Config, options: Options, told: State, complete: bool) -> Step:
    return state.WriteState(
        options.directory,
        options.id,
        options.bundle,
        rootfs_path(config, options),
        config.oci_version,
        told.annotations,
        tuple(zip(options.fields, options.values())),
        complete,
    )


def compile_filter_steps(config: Config) -> list[Step]:
    if not config.linux.seccomp:
        return []
    from .seccomp import compile_steps  # a millisecond, which a container without a filter need not spend

    return compile_steps(config.linux.seccomp)


def start_step(config: Config, options: Options) -> Step:
    """In its cgroup, and as the first of its pid namespace, where that can be had at once."""
    joining = JoinCgroup() if options.cgroup_manager == CGROUPFS else None
    if begins_in_pid_namespace(config.linux):
        return StartContainerProcess(joining, True, "/linux/namespaces")
    return StartContainerProcess(joining)


def entry_steps(config: Config, process: Process, options: Options) -> list[Step]:
    """Out of the host's namespaces, with the host's rights still at hand."""
    return [
        *oom_steps(process),
        # before the cgroup namespace, whose root is that of this moment
        *enter_cgroup_steps(config, options.id, options.cgroup_manager),
        CloseToTracers(),  # before the first namespace that others may share
        *namespace_steps(config, options.uid, options.gid, options.rootless),
        *join_resctrl_steps(config.linux, options.id),
        StartSession(),
        *([namespaces.SetLoopbackUp()] if "network" in new_namespaces(config.linux) else []),
        *name_steps(config),
        *sysctl_steps(config),  # while /proc is still the host's
        *open_label_steps(process),  # likewise
        *keyring_steps(process, options.id, options.new_keyring),  # likewise, for its label
    ]


def guard_steps(process: Process, options: Options | ExecOptions) -> list[Step]:
    """A terminal of the container's own takes the place of the caller's streams. A user can copy no mount, nor change
    what is root's."""
    first, last = 3 if process.terminal else 0, 2 + options.listen_fds + options.preserve_fds
    return [descriptors.GuardDevices(first, last)] if first <= last and not options.rootless else []


def told_pid_steps(options: Options | ExecOptions, kind: str, receiver: str = "") -> list[Step]:
    """What callers ask for to find the process by. `kind` is how other runtimes call it: "standard", or "setns"."""
    if not (options.pidfd_socket or receiver or options.pid_file):
        return []
    from ..steps.told_pid import SendPidfd, WritePidFile

    return [
        *([SendPidfd(options.pidfd_socket, kind)] if options.pidfd_socket else []),
        *([SendPidfd(receiver, kind, f"/annotations/{EXTENSION}pidfd_receiver")] if receiver else []),
        *([WritePidFile(options.pid_file)] if options.pid_file else []),
    ]


def waiting_steps() -> list[Step]:
    from ..steps.waiting import EndWhenAsked  # `run` does without

    return [EndWhenAsked()]


def sysctl_steps(config: Config) -> list[Step]:
    if not config.linux.sysctl:
        return []
    from ..spec.sysctl import path_of
    from ..steps.sysctl import SetSysctl

    joined = any(namespace.type == "mount" and namespace.path for namespace in config.linux.namespaces)
    return [
        SetSysctl(key, value, path_of(key), f"/linux/sysctl/{escape(key)}", joined)
        for key, value in config.linux.sysctl.items()
    ]


def filesystem_steps(config: Config, options: Options) -> list[Step]:
    """All file systems are put together below the root directory, which is still an ordinary directory of the host."""
    linux = config.linux
    path = rootfs_path(config, options)
    own_cgroup = options.cgroup_manager != INHERITED
    steps = bind_steps(linux, path, options.directory)
    for index, mount in enumerate(config.mounts):  # in the order of config.json: later ones may cover earlier ones
        steps += mount_steps(mount, f"/mounts/{index}", options.bundle, linux, own_cgroup, path)
    steps += notify_mount_steps(options)
    steps += device_steps(config, options.directory, options.rootless)  # after /dev is mounted
    if config.process:
        steps += terminal_steps(config.process, options.console_socket)  # after /dev/pts is mounted
        steps.append(home.MakeWorkingDirectory(config.process.cwd))  # before the root is read-only
    steps += path_steps(linux)  # after /proc and /sys are mounted
    steps += read_only_steps(steps)  # after every mount point is made
    if config.root.readonly:
        steps.append(rootfs.MakeRootReadOnly())  # likewise
    return steps


def own_steps(process: Process, options: Options | ExecOptions) -> list[Step]:
    """What no other process can do for the program: as the leader of its session, and by its pid."""
    return [
        *use_terminal_steps(process),
        *([descriptors.AnnounceListeners(options.listen_fds, options.listen_names)] if options.listen_fds else []),
    ]


def preparation_steps(config: Config, process: Process, options: Options | ExecOptions) -> list[Step]:
    """Everything about the program that needs more than the program will be allowed."""
    has_home = bool(dict(pair.split("=", 1) for pair in process.env).get("HOME"))  # of several, the last one counts
    return [
        *io_priority_steps(process),
        *personality_steps(config.linux),
        *memory_policy_steps(config.linux),
        *([] if process.terminal else [descriptors.ReopenNull(), descriptors.OwnStdio(process.user.uid)]),
        descriptors.KeepDescriptors(options.preserve_fds, options.listen_fds),
        home.ChangeDirectory(process.cwd),
        *([] if has_home else [home.FindHome(process.user.uid)]),
    ]
