"""Where the command line's texts go out: to standard output, and errors that nobody else can tell to standard error."""

from __future__ import annotations

import os

from ..errors import MinirunError, reason
from ..kernel.telling import put
from ..one_line import one_line
from ..safe import safe_json, safe_lines


def say(text: str) -> None:
    """Print a text, whatever of others is in it. Raises MinirunError, and BrokenPipeError where nobody reads."""
    show(safe_lines(text))


def say_json(text: str) -> None:
    show(safe_json(text))


def show(text: str) -> None:
    """Print a text as it is, minirun's own colours with it: its parts have gone through minirun/safe.py."""
    data = text.encode(errors="backslashreplace")
    with Printing():
        while data:
            data = data[os.write(1, data) :]


class Printing:
    """Whatever keeps from writing to standard output is the caller's to know, and no fault of the work before it."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
            raise MinirunError(f"can't write to standard output: {reason(error)}") from None


def complain(message: str) -> None:
    """Words to standard error where there may be no log."""
    text = safe_lines(message)
    put(2, f"minirun: {text if os.isatty(2) else one_line(text)}\n".encode(errors="backslashreplace"))
