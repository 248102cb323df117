"""A container from its plan to its end: `create` and `run` begin it, `start` goes on, `run` stays with it."""

from __future__ import annotations

import os

from ..errors import ContainerDied, Interrupted, StateError
from ..kernel import locks, processes, signals
from ..kernel.libc import SystemCallError
from ..plan.container import planned
from ..spec.load import content, decode, parse
from ..steps.state import MakeStateDirectory
from ..steps.step import Context
from .caller import as_caller
from .foreground import wait_for_end
from .log import Log
from .own_signals import Signals
from .sync import Sync
from .undo import is_still_ours, told_of, undo
from .walk import walk
from .was_hit import was_hit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..plan.options import Options
    from ..steps.step import Step

    Steps = tuple[Step, ...]
    Ready = Callable[[int], None]  # takes the pid of the container's process


def run_container(
    options: Options,
    log: Log,
    *,
    config: bytes | None = None,
    stay: bool = True,
    keep: bool = False,
    ready: Ready | None = None,
) -> int:
    """Run the container of `options.bundle`. Raises MinirunError, and then nothing of it is left.

    With `stay`, in the foreground: returns its exit status, and it is gone, unless `keep` wants its books kept.
    Without, it goes on alone when this returns: with its program, or before it, if `options.wait_for_start`.
    `ready` is called at that moment in both cases. `config` stands for the bundle's config.json.
    """
    check_proc()
    config = content(options.bundle, options.config) if config is None else config  # config.json, read once
    parsed = parse(decode(config))  # -> typed records
    steps = planned(parsed, as_caller(options, parsed.linux))  # -> a list of steps
    return run_plan(steps, log, config, stay=stay, keep=keep, notify=options.notify_socket, ready=ready)


# What kills a container's process during its set-up.
DEADLY: dict[int, str] = {
    signals.SIGKILL: "the memory limit may be too small for the set-up",
    signals.SIGSYS: "/linux/seccomp has to allow execve, and without noNewPrivileges capset, read and write",
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


def run_plan(
    steps: Steps,
    log: Log,
    config: bytes = b"",
    *,
    stay: bool = True,
    keep: bool = False,
    cgroup: str = "",
    lifeline: int = -1,
    notify: str = "",
    ready: Ready | None = None,
) -> int:
    """Apply a plan, wait for the container's end, and take back what the plan left on the host.

    `cgroup` is the container's, where it is there already, and `lifeline` a pidfd of it; `notify` is who wants to hear
    that the container is ready.
    """
    own = Signals(lifeline)  # they interrupt nothing from here on: they are read wherever something is waited for
    sync = Sync(own)
    context = Context(log, sync)
    context.config, context.cgroup, context.total = config, cgroup, len(steps)
    context.hits_before = hits_of(cgroup) if cgroup else {}
    applied: list[Step] = []  # what the runtime has done, and may have to take back
    make_ready(steps, context, log)
    try:
        set_up(steps, context, sync, log, applied)  # two processes walk down the list; only this one comes back
        if ready:
            ready(context.pid)
        status = stay_with(steps, context, own, notify, log) if stay else leave(context, own, notify, log)
        if keep or not stay:
            applied.clear()  # it is `delete` that takes it back
        return status
    finally:
        sync.hang_up()
        end_process(context)
        take_back(applied, context, own, log)
        let_go(context, own, log)


def make_ready(steps: Steps, context: Context, log: Log) -> None:
    """What this process has to be for it, and all imports that the container's process can't do itself."""
    context.umask = os.umask(0o022)  # cgroups and mount points are for every user of the container
    processes.set_name("minirun")  # for ps: else it is python3, or after a second start a descriptor's number
    processes.set_child_subreaper()  # a helper that forks ends before its child, which becomes ours then
    for step in steps:
        step.prepare()
    log.observer.prepare(steps)


def let_go(context: Context, own: Signals, log: Log) -> None:
    """Of a caller that lives on, as a Python program's worker does: its umask, and what was opened."""
    os.umask(context.umask)
    log.observer.ended(log)  # may write a file for the caller
    for descriptor in (context.pidfd, context.console, context.lock):
        if descriptor >= 0:
            os.close(descriptor)
    own.close()


def set_up(steps: Steps, context: Context, sync: Sync, log: Log, applied: list[Step]) -> None:
    """All that comes before the program, or before `start`. The books are locked until it is done."""
    try:
        walk(steps, context, sync, log, applied)
    except ContainerDied:
        raise ContainerDied(cause_of_death(steps, context)) from None
    if context.lock >= 0:
        locks.give_back(context.lock)


def take_back(applied: list[Step], context: Context, own: Signals, log: Log) -> None:
    """Undo the steps, unless `delete --force` has done so meanwhile: the same id may be another container's by now."""
    try:
        if applied and context.lock >= 0 and not is_still_ours(context.lock, own):
            return
    except Interrupted:
        return  # that `delete --force` is still at it
    except OSError:
        pass  # the lock can't be had, which is no reason to leave everything where it is
    name = next((step.id for step in applied if isinstance(step, MakeStateDirectory)), "")
    undo(applied, context, log)
    if context.left:
        log.warning(told_of(context.left, name))


def stay_with(steps: Steps, context: Context, own: Signals, notify: str, log: Log) -> int:
    """In the foreground, to the container's end; its exit status."""
    news = None
    if notify:
        from .notify import news_of  # few containers have somebody who wants to know

        news = news_of(context, notify, os.getpid(), log)
    status = wait_for_end(context, own, news)
    own.forget()  # signals that came too late to be passed on
    if status or context.owns_id:  # after an `exec` that went well, they may be the hits of others in the container
        for told in limits_hit(steps, context):
            log.warning(told)
    return status


def limits_hit(steps: Steps, context: Context) -> list[str]:
    """The limits that the container has come up against, told."""
    if not was_hit(context.cgroup):
        return []
    from .limits_hit import tell

    return tell(context.cgroup, context.hits_before, steps)


def hits_of(cgroup: str) -> dict[str, int]:
    from ..cgroups.hits import hits

    return hits(cgroup)


def leave(context: Context, own: Signals, notify: str, log: Log) -> int:
    """Nothing is to be ended, nor waited for, but the news that the program is ready."""
    pid, context.pid = context.pid, 0
    if not notify:
        return 0
    from .notify import news_of, wait_until_ready

    news = news_of(context, notify, pid, log)
    return wait_until_ready(news, context.pidfd, own) if news else 0


def cause_of_death(steps: Steps, context: Context) -> str:
    """What the wait status says of a container's process that ended during the set-up, and what the cgroup says."""
    status = os.waitpid(context.pid, 0)[1]
    context.pid = 0
    code = os.waitstatus_to_exitcode(status)
    what = f"was killed by {signals.name(-code)}" if code < 0 else "ended"
    hint = f"\n  cure:  {DEADLY[-code]}" if -code in DEADLY else ""
    told = limits_hit(steps, context) if code == -signals.SIGKILL else []
    return f"the container's process {what} before the program ran" + ("; " + told[0] if told else hint)


def end_process(context: Context) -> None:
    """Kill the container's process if it is still there, and collect it."""
    if context.pid:
        try:
            signals.pidfd_send_signal(context.pidfd, signals.SIGKILL)
        except SystemCallError:
            pass  # it has ended already
        try:
            os.waitpid(context.pid, 0)
        except ChildProcessError:
            pass  # collected by somebody else
        context.pid = 0
