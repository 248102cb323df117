"""Let a created container run its program (runtime.md#start)."""

from __future__ import annotations

import os

from ..errors import ContainerDied, MinirunError, StateError
from ..plan.start import start_steps
from ..steps.step import Context
from .books import CREATED, RUNNING, Container, find_own
from .lock import Lock
from .own_signals import Signals
from .remade import context_of, steps_of
from .sync import Sync
from .walk import walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..steps.step import Step
    from .log import Log


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
    from .delete import destroy

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
    steps = rest_of(container)
    check_program(steps)
    sync = connect(container, own)
    context = context_of(container, log, sync)
    first = 1 + max(index for index, step in enumerate(steps) if step.ends_create)
    log.observer.prepare(steps, first)
    try:
        sync.give_turn(context)
        walk(steps, context, sync, log, [], first)
    except ContainerDied:
        raise NotStarted(ContainerDied("the container's process ended before the program ran")) from None
    except (MinirunError, OSError) as error:
        raise NotStarted(error) from None
    return context


def rest_of(container: Container) -> tuple[Step, ...]:
    """The end of the plan. For the sake of the numbers, the step at which the container waits also stands for each that
    `create` has done."""
    rest = steps_of(container, start_steps)
    total = container.facts.get("steps") or len(rest)
    return rest[:1] * (total - len(rest)) + rest


def connect(container: Container, own: Signals) -> Sync:
    try:
        return Sync.to_waiting_container(container.directory, own)
    except OSError as error:
        raise StateError(f"cannot start the container: nobody waits for it ({error.strerror})") from None
