"""Messages that are not the program's: to stderr for people, elsewhere for engines and administrators (--log)."""

from __future__ import annotations

from ..kernel.files import put
from ..safe import safe, safe_lines
from ..steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .log_target import Target

LEVELS = ("debug", "info", "warning", "error")


class Log(step.Log):
    """What is at least of `level` goes to stderr.

    The target of --log gets the same, but for JSON without --debug: that file is how engines learn the one error of a
    failed call, and Podman takes a file of more than one line for no JSON at all.
    """

    def __init__(self, target: str | None = None, style: str = "text", level: str = "warning") -> None:
        """Raises StateError where the target can't be opened."""
        self.lowest = LEVELS.index(level)
        self.lowest_in_target = LEVELS.index("error") if style == "json" and level != "debug" else self.lowest
        self.observer = step.Observer()
        self.target: Target | None = None
        if target:
            from .log_target import open_target  # engines have one, people rarely do

            self.target = open_target(target, style)

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

    def error(self, message: str) -> None:
        self.write("error", message)

    def descriptors(self) -> tuple[int, ...]:
        """The target of --log only if warnings go there."""
        has_warnings = self.lowest_in_target <= LEVELS.index("warning")
        targets = [self.target.descriptor] if self.target and has_warnings else []
        return (*self.observer.descriptors(), *targets)

    def write(self, level: str, message: str) -> None:
        number, message = LEVELS.index(level), safe_lines(message)
        if number >= self.lowest:
            prefix = "minirun: warning: " if level == "warning" else "minirun: "
            put(2, f"{prefix}{message}\n".encode(errors="backslashreplace"))
        if self.target and number >= self.lowest_in_target:
            put(self.target.descriptor, self.target.record(level, message))
