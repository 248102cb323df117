"""Messages that are not the program's: to stderr for people, to a file for engines (--log, --log-format)."""

from __future__ import annotations

import json
import os
import time

from ..errors import StateError
from ..steps import step

LEVELS = ("debug", "info", "warning", "error")


class Log(step.Log):
    """Warnings and errors go to stderr, with --debug everything does.

    The file gets the same, but for JSON without --debug: that file is how engines learn the one error of a failed
    call, and Podman takes a file of more than one line for no JSON at all.
    """

    def __init__(self, path: str | None = None, style: str = "text", debug: bool = False) -> None:
        """Raises StateError where the file can't be opened."""
        self.style = style
        self.lowest = LEVELS.index("debug" if debug else "warning")
        self.lowest_in_file = LEVELS.index("error") if style == "json" and not debug else self.lowest
        self.file = -1
        if path:
            try:
                self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
            except OSError as error:
                raise StateError(f"can't open the log file {path}: {error.strerror}") from error

    def debug(self, message: str, **details: str) -> None:
        if self.lowest == 0:
            shown = "  ".join(value for value in details.values() if value)
            self.write("debug", f"{message}  [{shown}]" if shown else message)

    def warning(self, message: str) -> None:
        self.write("warning", message)

    def error(self, message: str) -> None:
        self.write("error", message)

    def write(self, level: str, message: str) -> None:
        number = LEVELS.index(level)
        if number >= self.lowest:
            prefix = "minirun: warning: " if level == "warning" else "minirun: "
            put(2, f"{prefix}{message}\n")
        if self.file >= 0 and number >= self.lowest_in_file:
            put(self.file, self.line(level, message))

    def line(self, level: str, message: str) -> str:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        if self.style == "json":
            return json.dumps({"level": level, "msg": message, "time": stamp}) + "\n"
        return f"time={json.dumps(stamp)} level={level} msg={json.dumps(message)}\n"


def put(descriptor: int, text: str) -> None:
    """Write, and don't fail over it: a full disk or a closed stderr must not keep a container from starting."""
    try:
        os.write(descriptor, text.encode(errors="backslashreplace"))
    except OSError:
        pass
