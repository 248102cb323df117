"""Messages that are not the program's: to stderr for people, elsewhere for engines and administrators (--log)."""

from __future__ import annotations

import os

from ..kernel.telling import put
from ..one_line import one_line
from ..safe import safe, safe_lines
from ..steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .log_target import Target

LEVELS = ("debug", "info", "warning", "error")


class Log(step.Log):
    """What is at least of `level` goes to stderr: for people as they read it, into a pipe or a file as one line.

    The target of --log gets the same, but for JSON without --debug: that file is how engines learn the one error of a
    failed call, and Podman takes a file of more than one line for no JSON at all. What --debug tells goes only there;
    without a target to stderr, in the same format, and with --log-format json so does all.
    """

    def __init__(self, target: str | None = None, style: str = "text", level: str = "warning") -> None:
        """Raises StateError where the target can't be opened."""
        self.lowest = LEVELS.index(level)
        self.lowest_in_target = LEVELS.index("error") if style == "json" and level != "debug" else self.lowest
        self.observer = step.Observer()
        self.has_reader = os.isatty(2)  # now: in the container's process it may be another terminal later
        self.target: Target | None = None
        self.style = style
        if target or style == "json" or level == "debug":
            from . import log_target  # engines have one, people rarely do; not in the container's process any more

            self.target = log_target.open_target(target, style) if target else None
            self.record = log_target.record

    def is_watched(self) -> bool:
        """Whether somebody looks on as the plan is walked down."""
        return type(self.observer) is not step.Observer

    def is_debugging(self) -> bool:
        return self.lowest == 0

    def debug(self, message: str, **details: str) -> None:
        if self.is_debugging():
            shown = "  ".join(value for value in details.values() if value)
            self.write("debug", safe(f"{message}  [{shown}]" if shown else message))

    def warning(self, message: str) -> None:
        self.write("warning", message)

    def remark(self, message: str) -> None:
        if self.has_reader and not self.target and self.style == "text":
            self.warning(message)

    def error(self, message: str) -> None:
        self.write("error", message)

    def descriptors(self) -> tuple[int, ...]:
        """The target of --log only if warnings go there."""
        has_warnings = self.lowest_in_target <= LEVELS.index("warning")
        targets = [self.target.descriptor] if self.target and has_warnings else []
        return (*self.observer.descriptors(), *targets)

    def write(self, level: str, message: str) -> None:
        number, message = LEVELS.index(level), safe_lines(message)
        if self.target and number >= self.lowest_in_target:
            put(self.target.descriptor, self.target.record(level, message))
        if number >= self.lowest and not (level == "debug" and self.target):
            put(2, self.shown(level, message))

    def shown(self, level: str, message: str) -> bytes:
        if level == "debug" or (self.style == "json" and not self.target):
            return self.record(self.style, level, message)
        prefix = "minirun: warning: " if level == "warning" else "minirun: "
        return f"{prefix}{message if self.has_reader else one_line(message)}\n".encode(errors="backslashreplace")
