"""A terminal for standard error alone: there messages are as people read them. What comes is copied to a file."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import tty
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def screen(into: int) -> Iterator[int]:
    """The terminal's descriptor. In the end the copy is complete, unless something goes on with the terminal."""
    master, terminal = pty.openpty()
    tty.setraw(terminal)
    copier = subprocess.Popen(["cat"], stdin=master, stdout=into, stderr=subprocess.DEVNULL)
    os.close(master)
    try:
        yield terminal
    finally:
        os.close(terminal)
        with contextlib.suppress(subprocess.TimeoutExpired):
            copier.wait(1)  # it ends when nobody has the terminal open
        copier.kill()
        copier.wait()
