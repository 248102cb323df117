"""A health check is run: a further process in the container, by the same `exec` as any other, and its end awaited."""

from __future__ import annotations

import os
from time import monotonic

from ..api.container import Container
from ..errors import MinirunError, StateError
from ..record import Record
from ..runtime.books import PAUSED, RUNNING, STOPPED, find
from ..runtime.directory import ids
from ..runtime.usage import uptime
from ..safe import safe
from .health import HEALTHY, STARTING, UNHEALTHY, Course
from .waiting import Stopped, Waiting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..api.process import Process
    from ..runtime import books
    from .health import HealthCheck
    from .notifying import Manager

    CheckOf = Callable[[books.Container], HealthCheck]

KEPT = 4096  # bytes of what a check says; the rest is read and forgotten
SHOWN = 200  # characters of that
AGAIN = 0.2  # seconds until the next look whether there is a container


class Answer(Record):
    has_succeeded: bool
    why_not: str


def ask(root: str, name: str, check: HealthCheck, waiting: Waiting) -> Answer:
    """Run the check once. Raises Stopped; StateError where the container does not run."""
    reading, writing = os.pipe()
    try:
        process = begin(root, name, check, writing)
        with process:  # which is killed, where it does not come to its end
            said = hear(process, reading, check.timeout, waiting)
            status = process.wait()
    except TimeoutError:
        return Answer(False, f"no end after {check.timeout:g} s")
    except MinirunError as error:
        if find(root, name).status() not in (RUNNING, PAUSED):
            raise StateError(f"container not running: {name}") from None
        return Answer(False, str(error).partition("\n")[0])
    finally:
        os.close(reading)
    return Answer(status == 0, "" if status == 0 else told(status, said))


def begin(root: str, name: str, check: HealthCheck, writing: int) -> Process:
    from subprocess import DEVNULL

    try:
        container = Container(name, root=root)
        return container.spawn(check.args, stdin=DEVNULL, stdout=writing, stderr=writing)
    finally:
        os.close(writing)


def hear(process: Process, reading: int, timeout: float, waiting: Waiting) -> bytes:
    """The beginning of what it says. It is done when the process ends: another may keep the pipe open. Raises
    TimeoutError, Stopped."""
    said, deadline, sources = b"", monotonic() + timeout, {reading, process.pidfd} - {-1}
    while process.pidfd in sources:
        ready = waiting.wait(deadline - monotonic(), *sources)
        if not ready or (process.pidfd not in ready and monotonic() >= deadline):  # who talks on and on is always ready
            raise TimeoutError
        if process.pidfd in ready:
            break
        more = os.read(reading, 1 << 16)
        said = (said + more)[:KEPT]
        if not more:
            sources.discard(reading)
    return (said + rest_of(reading))[:KEPT]


def rest_of(reading: int) -> bytes:
    """What is in the pipe already."""
    os.set_blocking(reading, False)
    try:
        return os.read(reading, KEPT)
    except BlockingIOError:
        return b""


def told(status: int, said: bytes) -> str:
    words = safe(" ".join(said.decode(errors="replace").split()))
    return f"exit status {status}" + (f": {words[:SHOWN]}" if words else "")


# ---- once, and again and again


def health_once(root: str, name: str, check_of: CheckOf) -> tuple[str, str]:
    """The status of one look, and what the check said. Where it fails, it is the age that counts, not the retries.
    Raises Stopped, StateError."""
    container = running(root, name)
    check = check_of(container)
    with Waiting() as waiting:
        answer = ask(root, name, check, waiting)
    one_failure = Course(check.replace(retries=1))
    return one_failure.note(answer.has_succeeded, uptime(container.pid)), answer.why_not


def running(root: str, name: str) -> books.Container:
    """Raises StateError."""
    container = find(root, name)
    if container.status() not in (RUNNING, PAUSED):
        raise StateError(f"container not running: {name}\n  cure:  minirun list says what has become of it")
    return container


def awaited(root: str, name: str, waiting: Waiting) -> books.Container:
    """As soon as it runs. Raises Stopped; StateError where it has ended, or nobody may look."""
    while True:
        container = seen(root, name)
        status = container.status() if container else ""
        if container and status in (RUNNING, PAUSED):
            return container
        if status == STOPPED:
            raise StateError(f"container has ended: {name}")
        waiting.wait(AGAIN)


def seen(root: str, name: str) -> books.Container | None:
    """None while there is none, or its books are being made. Raises StateError where nobody may look."""
    if name not in ids(root):
        return None
    try:
        return find(root, name)
    except StateError:
        return None


def watch_health(
    root: str,
    name: str,
    check_of: CheckOf,
    manager: Manager,
    tell: Callable[[str, str], None],
) -> None:
    """Until a signal. `tell` is told each change, and why. Raises StateError when the container has ended."""
    with Waiting() as waiting:
        tell(STARTING, "")
        try:
            container = awaited(root, name, waiting)
            follow(root, container, check_of(container), waiting, manager, tell)
        except Stopped:
            return


def follow(
    root: str,
    container: books.Container,
    check: HealthCheck,
    waiting: Waiting,
    manager: Manager,
    tell: Callable[[str, str], None],
) -> None:
    """Raises Stopped, StateError."""
    name, course, is_ready = container.facts["id"], Course(check), False
    process = container.open_process()
    try:
        while process >= 0:
            before, answer = course.status, ask(root, name, check, waiting)
            status = course.note(answer.has_succeeded, uptime(container.pid))
            if status != before:
                tell(status, answer.why_not)
            manager.hear(*news(status, status != before, is_ready))
            is_ready = is_ready or status == HEALTHY
            if waiting.wait(course.pause(uptime(container.pid)), process):
                break
    finally:
        if process >= 0:
            os.close(process)
    raise StateError(f"container has ended: {name}")


def news(status: str, is_new: bool, is_ready: bool) -> list[str]:
    """For the service manager (sd_notify(3)): it is ready once, and alive as long as it is healthy."""
    told = [f"STATUS={status}"] if is_new else []
    if status == HEALTHY:
        told += ["WATCHDOG=1"] if is_ready else ["READY=1", "WATCHDOG=1"]
    return told


EXIT_STATUS = {HEALTHY: 0, STARTING: 1, UNHEALTHY: 1}
