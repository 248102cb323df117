"""Health checks: what to run in a container to learn whether it does its work, and what the answers mean.

A check comes from the command line, or from annotations of config.json. These are the names, which are written where a
bundle is made of an image whose config has a Healthcheck:

    org.minirun.health.test            a JSON array, as the image has it: ["CMD", "prog", "arg", …], or
                                       ["CMD-SHELL", "a line for /bin/sh"]; ["NONE"] or [] for no check
    org.minirun.health.interval        between the end of a check and the next; 30s, if it is not there
    org.minirun.health.timeout         a check that takes longer has failed; 30s
    org.minirun.health.start-period    for so long after the start, a failure does not count; 0s
    org.minirun.health.start-interval  the interval of that time; 5s
    org.minirun.health.retries         so many failures in a row are unhealthy; 3

Times are as 5s, 1m30s or 500ms, or a number of seconds. An image has nanoseconds: 30000000000ns is a time, too. 0 means
what is meant where the annotation is not there, as in an image.

Nothing here runs anything: watching.py does.
"""

from __future__ import annotations

from .. import quick_json
from ..errors import StateError
from ..record import Record
from ..runtime.events import UNITS, seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

PREFIX = "org.minirun.health."
STARTING, HEALTHY, UNHEALTHY = "starting", "healthy", "unhealthy"
MOST_DIGITS = 6  # of retries


class HealthCheck(Record):
    """Times are in seconds."""

    args: tuple[str, ...]
    interval: float = 30.0
    timeout: float = 30.0
    start_period: float = 0.0
    start_interval: float = 5.0
    retries: int = 3


def health_check(
    annotations: Mapping[str, str], args: tuple[str, ...] = (), options: Mapping[str, str | None] | None = None
) -> HealthCheck:
    """The check of a container with these annotations. `args` and `options`, by the names of the fields, are the
    command line's, and count more. Raises StateError where there is none, or one of these is wrong."""
    given: dict[str, Any] = {}
    for name, read in READERS.items():
        word, place = (options or {}).get(name), f"--{name.replace('_', '-')}"
        if word is None:
            annotation = PREFIX + name.replace("_", "-")
            word, place = annotations.get(annotation, ""), f"annotation {annotation}"
        if word and (value := read(word, place)):
            given[name] = value
    return HealthCheck(args or test_of(annotations.get(f"{PREFIX}test", "")), **given)


def test_of(text: str) -> tuple[str, ...]:
    """The program and its arguments. Raises StateError."""
    words = words_of(text) if text else []
    if words in ([], ["NONE"]):
        raise StateError(
            f"the container has no health check: its config.json has no annotation {PREFIX}test\n"
            "  cure:  name one behind the id: minirun health ID -- PROGRAM…"
        )
    if words[0] == "CMD" and len(words) > 1:
        return tuple(words[1:])
    if words[0] == "CMD-SHELL" and len(words) == 2:
        return ("/bin/sh", "-c", words[1])
    raise wrong_test(text)


def words_of(text: str) -> list[str]:
    try:
        words = quick_json.loads(text.encode(errors="surrogatepass"))
    except (ValueError, RecursionError):
        raise wrong_test(text) from None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise wrong_test(text)
    return words


def wrong_test(text: str) -> StateError:
    return StateError(
        f"annotation {PREFIX}test: found {text[:200]!r}\n"
        '  allowed: ["CMD", "program", "argument"…], ["CMD-SHELL", "line"] or ["NONE"]'
    )


def duration(text: str, place: str) -> float:
    """In seconds. Raises StateError."""
    if text in ("0", *(f"0{unit}" for unit in UNITS)):
        return 0.0
    try:
        return round(seconds(text), 9)  # of nanoseconds, no more
    except StateError as error:
        raise StateError(str(error).replace("--interval", place, 1)) from None


def whole(text: str, place: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS):
        raise StateError(f"{place}: found {text!r}\n  allowed: a whole number")
    return int(text)


READERS = {
    "interval": duration,
    "timeout": duration,
    "start_period": duration,
    "start_interval": duration,
    "retries": whole,
}


class Course:
    """From answer to answer: what a container is taken for."""

    def __init__(self, check: HealthCheck) -> None:
        self.check, self.status, self.failures = check, STARTING, 0

    def note(self, has_succeeded: bool, age: float) -> str:
        """`age` is the container's, in seconds. The first success ends the start, however early it comes."""
        if has_succeeded:
            self.failures, self.status = 0, HEALTHY
        elif not self.is_starting(age):
            self.failures += 1
            if self.failures >= self.check.retries:
                self.status = UNHEALTHY
        return self.status

    def is_starting(self, age: float) -> bool:
        return self.status == STARTING and age < self.check.start_period

    def pause(self, age: float) -> float:
        """Seconds until the next check."""
        return self.check.start_interval if self.is_starting(age) else self.check.interval
