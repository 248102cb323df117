"""`minirun run`: start a container, stay with it, leave nothing behind."""

from __future__ import annotations

import os
import signal

from ..errors import ContainerDied, StateError
from ..kernel import files, processes, signals
from ..kernel.constants import PF_FORKNOEXEC
from ..kernel.libc import SystemCallError
from ..plan.container import Options, plan
from ..spec.load import load
from ..steps.step import Context
from .foreground import Signals, wait_for_end
from .log import Log
from .sync import Sync
from .walk import undo, walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..steps.step import Step


def run(options: Options, log: Log) -> int:
    """Run the container of `options.bundle` in the foreground; its exit status. Raises MinirunError."""
    check_proc()
    config = load(options.bundle)  # config.json -> typed records
    steps = plan(config, options)  # records -> a list of steps
    return run_plan(steps, log)  # the list, done


# What kills a container's process during its set-up.
DEADLY: dict[int, str] = {
    signal.SIGKILL: "the memory limit may be too small for the set-up",
    signal.SIGSYS: "/linux/seccomp has to allow execve, and without noNewPrivileges what changes user and capabilities",
}


def check_proc() -> None:
    """Everything goes by way of /proc/self and /proc/PID, so it has to show this process's own pid namespace."""
    try:
        shown = os.readlink("/proc/self")
    except OSError as error:
        raise StateError(f"/proc is not there: {error.strerror}\n  cure:  mount -t proc proc /proc") from error
    if shown != str(os.getpid()):
        raise StateError(
            f"/proc shows another pid namespace than minirun's: this process is {os.getpid()} and {shown} there\n"
            "  cure:  mount -t proc proc /proc (unshare has --mount-proc)"
        )


def run_plan(steps: tuple[Step, ...], log: Log) -> int:
    """Apply a plan, wait for the container's end, and take back what the plan left on the host."""
    own = Signals()
    sync = Sync(own.descriptor)
    context = Context(log, sync)
    context.signal_mask = {int(number) for number in own.caller_mask}
    context.umask = os.umask(0o022)  # cgroups and mount points are for every user of the container
    applied: list[Step] = []
    processes.set_name("minirun")  # for ps: it was started as a descriptor, which has no name
    processes.set_child_subreaper()  # the helper ends before the container does: its child becomes ours
    for step in steps:
        step.prepare()
    try:
        walk(steps, context, sync, log, applied)
        sync.wait_for_program(context)
        if not has_executed(context.pid):
            raise ContainerDied
        return wait_for_end(context, own)
    except ContainerDied:
        raise ContainerDied(cause_of_death(context)) from None
    finally:
        sync.hang_up()
        end_process(context)
        undo(applied, context, log)
        for descriptor in (context.pidfd, context.console):
            if descriptor >= 0:
                os.close(descriptor)
        os.umask(context.umask)
        own.close()


def has_executed(pid: int) -> bool:
    """Whether the process has called execve(2) since it was forked. The kernel keeps note of it even after its end:
    PF_FORKNOEXEC (linux/sched.h) in the flags of proc_pid_stat(5), field 9."""
    flags = files.read_file(f"/proc/{pid}/stat").rpartition(")")[2].split()[6]
    return not int(flags) & PF_FORKNOEXEC


def cause_of_death(context: Context) -> str:
    """What the wait status says of a container's process that ended during the set-up."""
    status = os.waitpid(context.pid, 0)[1]
    context.pid = 0
    code = os.waitstatus_to_exitcode(status)
    what = f"was killed by {signal.Signals(-code).name}" if code < 0 else "ended"
    hint = f"\n  cure:  {DEADLY[-code]}" if -code in DEADLY else ""
    return f"the container's process {what} before the program ran{hint}"


def end_process(context: Context) -> None:
    """Kill the container's process if it is still there, and collect it."""
    if context.pid:
        try:
            signals.pidfd_send_signal(context.pidfd, signal.SIGKILL)
        except SystemCallError:
            pass  # it has ended already
        try:
            os.waitpid(context.pid, 0)
        except ChildProcessError:
            pass  # collected by somebody else
        context.pid = 0
