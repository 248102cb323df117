"""A client at a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from typing import TYPE_CHECKING

from kernel.kit.runtime import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LIMIT = 60 * PATIENCE  # seconds


def on_terminal(
    words: Sequence[str], environment: Mapping[str, str], typed: str = "", rows: int = 24, columns: int = 80
) -> tuple[str, int]:
    """What it wrote, and its exit status. `typed` comes as soon as something has been written, a prompt for one."""
    near, far = pty.openpty()
    fcntl.ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    with subprocess.Popen(
        ["setsid", "--ctty", "--wait", *words], env=environment, stdin=far, stdout=far, stderr=far
    ) as client:
        os.close(far)
        said = read_all(near, typed.encode())
    os.close(near)
    return said.decode(errors="replace"), client.returncode


def read_all(terminal: int, typed: bytes) -> bytes:
    said, deadline = b"", time.monotonic() + LIMIT
    while select.select([terminal], [], [], max(0, deadline - time.monotonic()))[0]:
        try:
            said += os.read(terminal, 65536)
        except OSError:  # EIO: nobody has the other end any more
            return said
        if typed:
            os.write(terminal, typed)
            typed = b""
    raise AssertionError(f"the terminal never came to its end: {said!r}")
