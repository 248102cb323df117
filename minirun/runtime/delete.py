"""Remove what is left of a container (runtime.md#delete)."""

from __future__ import annotations

import os
import select

from ..errors import StateError
from ..kernel import files, signals
from ..kernel.libc import SystemCallError
from ..plan.lasting import lasting_steps
from ..steps.layout import ALL, STATE
from ..steps.state import MakeStateDirectory
from ..steps.step import Channel, Context
from .books import CREATED, STOPPED, Container, find_own
from .directory import foreign, refuse_others, what_is_not_minirun_s
from .lock import Lock
from .own_signals import Alone, Signals
from .remade import context_of, steps_of
from .undo import told_of, undo
from .was_hit import was_hit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..steps.step import Step
    from .log import Log

PATIENCE = 5.0  # seconds for a process that was killed to be gone


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
        from ..plan.container import plan
        from .limits_hit import tell

        for told in tell(container.cgroup, {}, steps_of(container, plan)):
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
    steps = what_to_undo(container, log)  # may fail, and then nothing has been done
    log.observer.prepare(steps, len(steps))
    end(container)
    return [step for step in steps if step.leaves_something()], context_of(container, log, Alone(own))


def what_to_undo(container: Container, log: Log) -> tuple[Step, ...]:
    """The steps that leave something. Who looks on has to hear their numbers in the whole plan."""
    if log.is_watched() and not container.facts["options"].get("restored"):
        from ..plan.container import plan

        return steps_of(container, plan)
    return steps_of(container, lasting_steps)


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
