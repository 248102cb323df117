"""A terminal with a test at its keyboard: a pseudoterminal (pty(7)) whose other side is the runtime's terminal."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kernel.kit.outside import descendants
from kernel.kit.runtime import TIMEOUT, new_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kernel.kit.bundle import Bundle
    from kernel.kit.runtime import Runtime

LEADER = Path(__file__).with_name("leader.py")


class Typist:
    """Types, looks at the screen, resizes the window. All of the output is kept in `screen`."""

    def __init__(self, keyboard: int, report: int) -> None:
        self.keyboard, self.screen = keyboard, b""
        self.reports = open(report)  # at_a_terminal closes it
        self.pid = 0

    def type(self, text: str) -> None:
        os.write(self.keyboard, text.encode())

    def see(self, wanted: str, timeout: float = TIMEOUT) -> str:
        """Waits until `wanted` is on the screen; everything up to its end is taken off and returned."""
        deadline = time.monotonic() + timeout
        while wanted.encode() not in self.screen:
            assert self.look(deadline - time.monotonic()), f"{wanted!r} is not on the screen: {self.screen[-2000:]!r}"
        before, found, self.screen = self.screen.partition(wanted.encode())
        return (before + found).decode(errors="surrogateescape")

    def look(self, timeout: float) -> bool:
        """Takes in what has been written; False if nothing came in time or the terminal is gone."""
        if timeout <= 0 or not select.select([self.keyboard], [], [], timeout)[0]:
            return False
        try:
            written = os.read(self.keyboard, 65536)
        except OSError:  # EIO: nobody has the other side open any more
            return False
        self.screen += written
        return written != b""

    def resize(self, rows: int, columns: int) -> None:
        """The kernel sends SIGWINCH to the foreground processes: ioctl_tty(2)."""
        fcntl.ioctl(self.keyboard, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    @property
    def settings(self) -> list[Any]:
        return termios.tcgetattr(self.keyboard)

    @property
    def raw(self) -> bool:
        """Whether keys such as Ctrl-C pass through as bytes, unseen by this terminal."""
        return not self.settings[3] & (termios.ISIG | termios.ICANON | termios.ECHO)

    def until_raw(self, timeout: float = TIMEOUT) -> None:
        deadline = time.monotonic() + timeout
        while not self.raw and time.monotonic() < deadline:
            time.sleep(0.01)
        assert self.raw, "the terminal was not set to raw mode"

    def status(self, timeout: float = TIMEOUT) -> int:
        """The runtime's exit status as a shell counts it. What is written meanwhile is kept."""
        deadline = time.monotonic() + timeout
        while not select.select([self.reports], [], [], 0)[0]:
            assert time.monotonic() < deadline, f"the runtime did not end; the screen: {self.screen[-2000:]!r}"
            self.look(0.05)
        while self.look(0.05):
            pass
        status = int(self.reports.readline())
        return status if status >= 0 else 128 - status

    def send(self, number: signal.Signals) -> None:
        """A signal to the runtime itself."""
        os.kill(self.pid, number)


@contextlib.contextmanager
def at_a_terminal(
    runtime: Runtime, bundle: Bundle, rows: int = 24, columns: int = 80, options: Sequence[str] = ()
) -> Iterator[Typist]:
    """Runs a bundle at a terminal of its own, and ends everything when the test is done."""
    bundle.process["terminal"] = True
    bundle.write()
    with typing_to(runtime.command(bundle, new_id(), options), runtime.environment, rows, columns) as typist:
        yield typist


@contextlib.contextmanager
def typing_to(command: list[str], environment: dict[str, str], rows: int = 24, columns: int = 80) -> Iterator[Typist]:
    """Runs a command at a terminal of its own, and ends everything when the test is done."""
    keyboard, terminal = pty.openpty()
    report, report_end = os.pipe()
    hold_end, hold = os.pipe()
    typist = Typist(keyboard, report)
    typist.resize(rows, columns)
    given = (terminal, report_end, hold_end)
    words = [sys.executable, str(LEADER), *map(str, given), *command]
    leader = subprocess.Popen(words, pass_fds=given, env=environment)
    for descriptor in given:
        os.close(descriptor)
    try:
        typist.pid = int(typist.reports.readline())
        yield typist
    finally:
        end(leader, typist, hold)


def end(leader: subprocess.Popen[bytes], typist: Typist, hold: int) -> None:
    for pid in reversed(descendants(leader.pid)):
        if pid != typist.pid:  # the runtime itself gets the chance to tidy up
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    os.close(hold)
    deadline = time.monotonic() + 5
    while leader.poll() is None and time.monotonic() < deadline:
        typist.look(0.05)
    for pid in [*descendants(leader.pid), leader.pid] if leader.poll() is None else []:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    leader.wait(5)
    typist.reports.close()
    os.close(typist.keyboard)
