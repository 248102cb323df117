"""A further process in a container that is there: the same steps as for its first one, but every namespace is joined.

What the container is, is not touched; a process is all that comes. And it comes late: to join a pid namespace is to
fork into it, and from then on the container's processes see the new one. Those with CAP_SYS_PTRACE may take it over,
closed to tracers or not (ptrace(2)). So it is from outside, and before, that this process becomes who it will be.
"""

from __future__ import annotations

from ..errors import StateError
from ..record import Record
from ..spec.config import Config, Linux, Namespace
from ..steps import late_entry, program
from ..steps.cgroup_entry import JoinCgroup
from ..steps.descriptors import CloseFiles
from ..steps.joining import CheckProcess
from ..steps.namespaces import PROC_NAMES
from ..steps.process import CloseToTracers, StartContainerProcess, StartSession
from ..steps.told import State
from .container import check_terminal, compile_filter_steps, guard_steps, own_steps, preparation_steps, told_pid_steps
from .keyring import keyring_steps
from .labels import hold_proc_steps, module_steps, open_label_steps
from .limits import join_cgroup_steps
from .namespaces import fork_steps, join_steps
from .options import CGROUPFS
from .process import (
    forking_rlimit_steps,
    give_up_filter_rights_steps,
    identity_steps,
    program_steps,
    terminal_steps,
)
from .resctrl import find_resctrl_steps, join_resctrl_steps
from .rootfs import find_root_of_other_steps, root_of_other_steps
from .scheduling import affinity_steps, oom_steps, scheduler_steps
from .start import load_filter_steps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.config import Process
    from ..steps.step import Step


class ExecOptions(Record):
    """What the command line says beside the process. `pid` and `start_time` are those of the container's first one."""

    pid: int = 0
    start_time: int = 0
    told: State = State("", "", "", ())  # what a listener for system calls is told of the container
    preserve_fds: int = 0
    pid_file: str = ""
    console_socket: str = ""
    detach: bool = False
    cgroup: str = ""  # below the container's
    pidfd_socket: str = ""
    listen_fds: int = 0  # as for the first process (container.py), from here on
    listen_names: str = ""
    new_keyring: bool = True
    cgroup_manager: str = CGROUPFS
    uid: int = 0  # who runs minirun
    rootless: bool = False  # as for the first process


def exec_plan(config: Config, process: Process, options: ExecOptions) -> tuple[Step, ...]:
    """Every step, in order. `config` is the container's. Raises ConfigError, StateError."""
    check_terminal(process, options)
    check_cgroup(options.cgroup)
    filtering = load_filter_steps(config, options.told, "running")
    early, late = ([], filtering) if process.no_new_privileges else (filtering, [])
    entering, own = fork_steps(config.linux), own_steps(process, options)
    limits_before, limits_after = forking_rlimit_steps(process)
    first, last = ([], enter_last(entering, own)) if lets_fork(config, process) else (entering, [])
    settling = program_steps(process)
    return (
        *module_steps(Linux(), process),
        *compile_filter_steps(config),
        *find_resctrl_steps(config.linux),
        *guard_steps(process, options),  # as long as the container's device filter has no say
        *start_steps(config, process, options),
        *oom_steps(process),
        *affinity_steps(process.affinity_after, "final"),
        CloseToTracers(),  # before it is where the container's processes could trace it
        *hold_proc_steps(process),  # while there is no other
        *find_root_of_other_steps(config.linux, options.pid),
        *join_steps(
            joined(config, options.pid),
            options.uid,
            options.rootless,
            opened=(CheckProcess(options.pid, options.start_time),),  # all of it was opened by the pid
        ),
        *first,
        *join_resctrl_steps(config.linux, options.told.id),
        *open_label_steps(process),
        *keyring_steps(process, options.told.id, options.new_keyring, share=False),
        StartSession(),
        *root_of_other_steps(config.linux),
        *terminal_steps(process, options.console_socket, bind_console=False),
        *preparation_steps(config, process, options),
        *limits_before,
        *([CloseFiles(options.listen_fds + options.preserve_fds)] if entering else []),
        *([] if last else own),
        *identity_steps(process, options.rootless, config.extensions.keep_groups, bool(early)),
        *(behind_filter(settling, early, process, last) if early else [*last, *settling]),
        *scheduler_steps(process),
        *limits_after,
        *told_pid_steps(options, "setns"),
        *late,
        program.Execute(process.args, process.env),
        program.SeeProgramRun(),
    )


def start_steps(config: Config, process: Process, options: ExecOptions) -> list[Step]:
    """Born in the container's cgroup, the process is never outside of its limits; unless systemd has to move it, or
    config.json wants it to be on certain processors before."""
    below = options.cgroup or config.extensions.delegated_cgroup
    joining = join_cgroup_steps(config.linux, options.told.id, options.cgroup_manager, below, options.pid)
    before = affinity_steps(process.affinity_before, "initial")
    if joining and isinstance(joining[0], JoinCgroup) and not before:
        return [StartContainerProcess(joining[0])]
    return [StartContainerProcess(), *before, *joining]


def enter_last(entering: list[Step], own: list[Step]) -> list[Step]:
    """A session is begun anew: the leader of the one so far is the process before the fork."""
    return [*entering, *([StartSession()] if entering else []), *own]


def behind_filter(settling: list[Step], filtering: list[Step], process: Process, last: list[Step]) -> list[Step]:
    """What the filter need not know of comes before it."""
    rights = give_up_filter_rights_steps(process)
    if not last:
        return [*settling, *filtering, *rights]
    found, *rest = settling
    outside, inside = late_entry.FindProgramOutside(*found.values()), late_entry.FindProgramInside(*found.values())
    return [outside, *rest, *filtering, *rights, *last, inside]


def lets_fork(config: Config, process: Process) -> bool:
    """Whether the filter for system calls lets minirun enter when it holds already. Else it has to enter before."""
    if not config.linux.seccomp or process.no_new_privileges:
        return True
    from .seccomp import lets_pass

    return lets_pass(config.linux.seccomp, ENTERING + (TAKING_TERMINAL if process.terminal else ()))


# By the C library, and by Python after its fork.
ENTERING = ("clone", "set_robust_list", "gettid", "exit_group", "setsid")
TAKING_TERMINAL = ("ioctl", "dup2")


def check_cgroup(below: str) -> None:
    """cgroup.procs of another cgroup can be written as well, and neither limits nor `delete` would hold there."""
    if ".." in below.split("/"):
        raise StateError(
            f"bad sub cgroup path: --cgroup {below!r} leads out of the container's\n  allowed: the path of one below it"
        )


def joined(config: Config, pid: int) -> Config:
    """The container with all of its namespaces where its first process has them, and nothing to change in them."""
    linux = Linux(
        namespaces=tuple(
            Namespace(namespace.type, f"/proc/{pid}/ns/{PROC_NAMES.get(namespace.type, namespace.type)}")
            for namespace in config.linux.namespaces
        )
    )
    return Config(config.oci_version, config.root, linux=linux, extensions=config.extensions)
