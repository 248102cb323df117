"""The caller's input has ended, and the program at the container's terminal is to find that.

A file that has ended stays so: who reads gets nothing, each time. At a terminal the end is a key, Ctrl-D, which one
reader takes; and it is lost where the program has the terminal give it each key, as a shell does that edits its line,
after the key was typed for a terminal that collects lines. So it is typed again whenever it has been taken.
"""

from __future__ import annotations

from time import monotonic

from ..kernel import terminals

KEY = b"\x04"  # VEOF, termios(3): what Ctrl-D types
ENTER = b"\r"
SHORTEST, LONGEST = 0.001, 1.0  # seconds from one look to the next: a program that is not about to end has its peace


class EndOfInput:
    def __init__(self, last: bytes) -> None:
        """`last` is what was typed last."""
        self.has_open_line = last[-1:] not in (b"", b"\n", b"\r")
        self.pause = SHORTEST
        self.following = 0.0  # of time.monotonic(): when to look again

    def patience(self) -> float:
        """Milliseconds until then."""
        return max(0.0, 1000 * (self.following - monotonic()))

    def due_key(self, master: int) -> bytes:
        """What to type now; b"" for nothing."""
        if monotonic() < self.following:
            return b""
        self.following = monotonic() + self.pause
        self.pause = min(2 * self.pause, LONGEST)
        return b"" if terminals.has_unread(master) else self.key(master)

    def key(self, master: int) -> bytes:
        """An editor hears an end only on an empty line. To others the last line belongs as it is."""
        if not self.has_open_line or terminals.takes_lines(master):
            return KEY
        self.has_open_line = False
        return ENTER
