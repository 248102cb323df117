"""Down the list: each process does its own steps and waits while the other one does the rest."""

from __future__ import annotations

import os
from errno import ENOSYS, EPERM

from ..errors import SHORTAGES, ContainerDied, MinirunError, StepError, call_of, reason, remedy
from ..kernel.libc import SystemCallError
from ..steps.step import CONTAINER, RUNTIME, Context, Refused, Step
from .sync import Sync

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .log import Log

    Steps = tuple[Step, ...]


def walk(steps: Steps, context: Context, sync: Sync, log: Log, applied: list[Step], first: int = 0) -> None:
    """Walk down the plan, from step `first` on. fork(2) happens in a step: one process enters here, two are on the way.

    The runtime returns, or raises MinirunError; `applied` then has what it did. The container's process does neither:
    it becomes the program, or tells the runtime why not and ends.
    """
    try:
        for index in range(first, len(steps)):
            if steps[index].ends_create and context.me == RUNTIME:
                return
            if not is_others(steps, index, context):
                take_step(steps, index, context, sync, log, applied)
    except BaseException as error:
        log.observer.failed(error, context)
        if context.me == CONTAINER:
            report_and_exit(error, context, sync)
        raise


def is_others(steps: Steps, index: int, context: Context) -> bool:
    """Whether there is such a step, and it is the other process's."""
    return 0 <= index < len(steps) and steps[index].runs_in != context.me


def take_step(steps: Steps, index: int, context: Context, sync: Sync, log: Log, applied: list[Step]) -> None:
    """A step of this process's own, between the other one's."""
    if is_others(steps, index - 1, context):
        wait_for(steps[index - 1], context, sync)
    do(steps[index], index, steps, context, log)
    if is_others(steps, index, context):  # it was fork(2), and this is the new process, which has not had a turn
        return
    if context.me == RUNTIME:
        applied.append(steps[index])
    if is_others(steps, index + 1, context):
        sync.give_turn(context)


def wait_for(step: Step, context: Context, sync: Sync) -> None:
    """Until the other process has done a step of its own. execve(2) leaves nobody behind who could say so."""
    if step.becomes_program:
        sync.wait_for_program(context)
    else:
        sync.wait_for_turn(context)


def do(step: Step, index: int, steps: Steps, context: Context, log: Log) -> None:
    """Apply one step. Whatever it raises becomes a StepError that says which step it was."""
    if log.is_debugging():
        told = f"step {index + 1}/{len(steps)}: {step.describe()}"
        log.debug(told, process=context.me, man=step.man, place=step.place)
    context.result = ""
    try:
        log.observer.before(step, index, context)
        step.apply(context)
        log.observer.after(step, index, context)
    except OSError as error:
        raise step_error(step, index, steps, reason(error), call_of(error), cure(step, error, context)) from error
    except Refused as error:
        raise step_error(step, index, steps, error.reason, "", error.cure) from error
    except (ValueError, OverflowError) as error:  # Python has not even asked the kernel
        raise step_error(step, index, steps, f"no system call takes that: {error}", "", "") from error


def cure(step: Step, error: OSError, context: Context) -> str:
    """What helps; once the system call filter holds, it is under suspicion, too."""
    steps_own = step.cure(error) if isinstance(error, SystemCallError) else step.cures.get(error.errno or 0)
    own = steps_own or best_guess(error)
    if not context.is_filtered:
        return own
    call = getattr(error, "call", "every call")
    hint = f"/linux/seccomp has to allow {call} for minirun itself (with noNewPrivileges, execve will do)"
    return f"{own}; or {hint}" if own else hint


def best_guess(error: OSError) -> str:
    """What helps against an error that no step knows better about."""
    return remedy(error) if error.errno in (*SHORTAGES, EPERM, ENOSYS) else ""


def step_error(step: Step, index: int, steps: Steps, reason: str, call: str, cure: str) -> StepError:
    told = f"{step.known_as}: {reason}" if step.known_as else reason
    return StepError(index + 1, len(steps), step.describe(), step.place, told, call=call, cure=cure, manual=step.man)


def report_and_exit(error: BaseException, context: Context, sync: Sync) -> None:
    """The end of the container's process before there was a program. Never returns."""
    try:
        if isinstance(error, StepError):
            sync.send_error(context, error)
        elif not isinstance(error, ContainerDied):
            sync.send_error(context, outside_of_steps(error))
    except MinirunError:
        pass  # the runtime is gone: there is nobody to tell
    finally:
        os._exit(1)


def outside_of_steps(error: BaseException) -> StepError:
    """Between two steps something has failed, such as a turn."""
    if isinstance(error, OSError):
        return StepError(0, 0, "go on", "", reason(error), call=call_of(error), cure=remedy(error))
    return StepError(0, 0, "go on", "", f"unexpected: {error!r}", cure="this is a fault of minirun")
