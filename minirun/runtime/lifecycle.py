"""The operations on a container that is there: start, state, kill, delete (runtime.md#operations)."""

from __future__ import annotations

import os
import select

from ..errors import ContainerDied, MinirunError, StateError
from ..kernel import files, signals
from ..kernel.libc import SystemCallError
from ..steps.state import ALL, STATE, MakeStateDirectory
from ..steps.step import RUNTIME, Channel, Context
from .books import CREATED, RUNNING, STOPPED, Container, find_own
from .directory import foreign, refuse_others, what_is_not_minirun_s
from .lock import Lock
from .log import Log
from .members import send, signal_all
from .own_signals import Alone, Signals
from .remade import steps_of
from .run import was_hit
from .sync import Sync
from .walk import told_of, undo, walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..steps.step import Step

PATIENCE = 5.0  # seconds for a process that was killed to be gone


# ---- start


def start(root: str, name: str, log: Log, notify: str = "") -> int:
    """Let a created container run its program. Returns when that runs, or where `notify` wants to hear that it is
    ready, when it is; the exit status. Raises MinirunError.

    When the program can't be run, or a hook fails, the container is deleted (runtime.md#lifecycle, 7 to 9).
    """
    check_created(find_own(root, name).status())  # a `create` that is still at work may be waiting for who calls
    lock = Lock(root, name)  # of two starts one is later, and finds the container running
    own = Signals()
    try:
        container = find_own(root, name)
        check_created(container.status())
        context = go_on(container, own, log)
        lock.release()  # `exec` and others need not wait for that
        return wait_for_news(context, container, own, notify, log) if notify else 0
    except NotStarted as error:
        give_up(root, name, log, own)
        raise error.cause from None
    finally:
        own.close()
        lock.release()


def check_created(status: str) -> None:
    if status != CREATED:
        article = "an already running" if status == RUNNING else f"a {status}"
        raise StateError(f"cannot start {article} container")


def check_program(steps: tuple[Step, ...]) -> None:
    """runtime.md#start: what was created without a process can't be started, and stays as it is."""
    if not any(step.becomes_program for step in steps):
        raise StateError("cannot start the container: its config.json has no process")


def give_up(root: str, name: str, log: Log, own: Signals) -> None:
    """What has kept the container from starting is the error to tell, and what is left of it only a warning."""
    try:
        destroy(root, name, log, own)
    except MinirunError as error:
        log.warning(str(error))


class NotStarted(Exception):
    """The container had its chance."""

    def __init__(self, cause: Exception) -> None:
        self.cause = cause


def wait_for_news(context: Context, container: Container, own: Signals, notify: str, log: Log) -> int:
    """Until the program has said that it is ready, or has ended; the exit status."""
    from .notify import news_of, wait_until_ready

    news = news_of(context, notify, container.pid, log)
    process = container.open_process()
    try:
        return wait_until_ready(news, process, own) if news and process >= 0 else 0
    finally:
        if process >= 0:
            os.close(process)


def go_on(container: Container, own: Signals, log: Log) -> Context:
    """Walk the rest of the plan with the process that waits for it. Raises NotStarted."""
    steps = steps_of(container)
    check_program(steps)
    sync = connect(container, own)
    context = context_of(container, log, sync)
    first = 1 + next(i for i, step in enumerate(steps) if step.ends_create)
    log.observer.prepare(steps, first)
    try:
        sync.give_turn(context)
        walk(steps, context, sync, log, [], first)
    except ContainerDied:
        raise NotStarted(ContainerDied("the container's process ended before the program ran")) from None
    except (MinirunError, OSError) as error:
        raise NotStarted(error) from None
    return context


def connect(container: Container, own: Signals) -> Sync:
    try:
        return Sync.to_waiting_container(container.directory, own)
    except OSError as error:
        raise StateError(f"cannot start the container: nobody waits for it ({error.strerror})") from None


# ---- kill


def kill(root: str, name: str, number: int, *, everything: bool = False) -> None:
    """Send a signal to the container's process, or to all of its processes. Raises StateError."""
    container = find_own(root, name)
    found = signal_all(container, number) if everything else signal_one(container, number)
    if not found:
        raise StateError(f"container not running: {name}")


def signal_one(container: Container, number: int) -> bool:
    """To the container's process; False if that has ended."""
    process = container.open_process()
    if process < 0:
        return False
    try:
        return send(process, number)
    finally:
        os.close(process)


# ---- delete


def delete(root: str, name: str, log: Log, *, force: bool = False) -> None:
    """Remove a stopped container, or end and remove any with `force`. Raises StateError.

    A created container is removed as well, against runtime.md#delete: engines delete what they never started.
    """
    if force and not files.is_there(f"{root}/{name}"):
        return  # engines delete twice, and want no error
    if not force:
        container = find_own(root, name)
        status = container.status()
        if status not in (STOPPED, CREATED):
            raise StateError(
                f"cannot delete container {name} that is not stopped: {status}\n"
                f"  cure:  minirun kill {name} KILL, or delete it with --force"
            )
        tell_limits(container, log)
    try:
        remove(root, name, log, force)
    except StateError:
        if not force or files.is_there(f"{root}/{name}"):
            raise  # else another delete was quicker, or the end of `run`


def remove(root: str, name: str, log: Log, force: bool) -> None:
    refuse_others(root, name)
    if was_empty(f"{root}/{name}"):
        return
    lock = Lock(root, name, ALL, force=force)  # a create that is still at work goes first
    own = Signals()  # nothing interrupts it half way, but a hook that does not end
    try:
        destroy(root, name, log, own)
    finally:
        own.close()
        lock.release()


def tell_limits(container: Container, log: Log) -> None:
    """Nobody stayed with the container to say why it ended. The counters of a cgroup that others made, or others use,
    tell of more than of this one."""
    if container.cgroup in container.facts["made"] and was_hit(container.remaining_cgroup()):
        from .limits_hit import tell

        for told in tell(container.cgroup, {}, steps_of(container)):
            log.warning(told)


def destroy(root: str, name: str, log: Log, own: Signals) -> None:
    """End what is left of a container, and take back its plan, the latest step first. The caller has the lock. Raises
    StateError: not all of it could be, and so the books stay."""
    if files.is_there(f"{root}/{name}/{STATE}"):
        steps, context = what_was_made(root, name, log, own)
    else:
        steps, context = what_was_begun(root, name, log)
    undo(steps, context, log)
    if context.left:
        raise StateError(told_of(context.left, name))


def what_was_made(root: str, name: str, log: Log, own: Signals) -> tuple[list[Step], Context]:
    """What is to be undone, when the container's process is no more."""
    container = find_own(root, name)
    steps = steps_of(container)  # may fail, and then nothing has been done
    log.observer.prepare(steps, len(steps))
    end(container)
    return [step for step in steps if step.runs_in == RUNTIME], context_of(container, log, Alone(own))


def what_was_begun(root: str, name: str, log: Log) -> tuple[list[Step], Context]:
    """Likewise, where a create was killed before it made anything but books. Raises StateError for what is none."""
    other = what_is_not_minirun_s(f"{root}/{name}")
    if other:
        raise foreign(f"{root}/{name}", f"{other!r} is in it, and no {STATE}")
    begun = MakeStateDirectory(root, name)
    log.observer.prepare((begun,), 1)
    return [begun], Context(log, Channel())


def was_empty(directory: str) -> bool:
    """Whether there was nothing in it, as after a create that was killed when it had just made it; it is gone then."""
    try:
        os.rmdir(directory)
    except OSError:
        return False
    return True


def end(container: Container) -> None:
    """Kill the container's process, and wait until it is gone."""
    process = container.open_process()
    if process < 0:
        return
    try:
        signals.pidfd_send_signal(process, signals.SIGKILL)
        poll = select.poll()
        poll.register(process, select.POLLIN)
        if not poll.poll(PATIENCE * 1000):
            raise StateError(f"process {container.pid} of the container does not end, though it was killed")
    except SystemCallError:
        pass  # it has ended meanwhile
    finally:
        os.close(process)


# ---- from the books


def context_of(container: Container, log: Log, channel: Channel) -> Context:
    context = Context(log, channel)
    context.owns_id = True
    context.umask = os.umask(0o022)
    os.umask(context.umask)
    context.pid, context.start_time = container.pid, container.facts["pidStartTime"]
    context.cgroup = container.cgroup
    context.cgroup_inode = container.facts.get("cgroupInode", 0)
    context.made = list(container.facts["made"])
    return context
