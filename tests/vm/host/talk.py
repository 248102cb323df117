"""The talk with the agent in the machine: four lines, over which it is told what to do and says how it went.

    control   orders there and answers back, one a line; guest/agent lists them
    input     what is typed, for a command that has a terminal
    output    what the command writes
    errors    what it writes to standard error

Each line is one end of a socket pair. The other end goes to the emulator, which makes a device of it.
"""

from __future__ import annotations

import base64
import os
import secrets
import selectors
import socket
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("control", "input", "output", "errors")


class MachineFailed(Exception):
    """The machine, not the command, is the reason that there is no result."""


class Talk:
    def __init__(self) -> None:
        self.near, self.far = zip(*(socket.socketpair() for _ in NAMES), strict=True)
        self.control, self.input, self.output, self.errors = self.near
        self.unread = b""

    def close(self) -> None:
        for end in (*self.near, *self.far):
            end.close()

    def order(self, *words: str) -> None:
        self.control.sendall(" ".join(words).encode() + b"\n")

    def answer(self, deadline: float) -> list[str]:
        """The next line on control, as words."""
        while b"\n" not in self.unread:
            self.control.settimeout(max(0.001, deadline - time.monotonic()))
            self.read_control()
        line, self.unread = self.unread.split(b"\n", 1)
        return line.decode().split()

    def read_control(self) -> None:
        read = self.control.recv(4096)
        if not read:
            raise MachineFailed("it ended")
        self.unread += read

    def expect(self, word: str, deadline: float) -> list[str]:
        said = self.answer(deadline)
        if said[:1] != [word]:
            raise MachineFailed(" ".join(said))
        return said[1:]

    def share(self, kind: str, directory: Path, deadline: float) -> None:
        self.order("share", kind, encoded(str(directory)))
        self.expect("shared", deadline)

    def run(self, command: str, deadline: float, *, terminal: bool) -> int:
        """Runs a command to its end, hands on what it writes while it does so, and returns its exit status."""
        end = secrets.token_hex(16)
        self.order("run", "terminal" if terminal else "plain", end, encoded(command))
        written = [
            Stream(self.output, sys.stdout.fileno(), end.encode()),
            Stream(self.errors, sys.stderr.fileno(), end.encode()),
        ]
        with selectors.PollSelector() as selector:
            for stream in written:
                selector.register(stream.line, selectors.EVENT_READ, stream.forward)
            if terminal:
                selector.register(sys.stdin, selectors.EVENT_READ, self.type)
            while not all(stream.ended for stream in written):
                step(selector, deadline)
        return int(self.expect("ended", time.monotonic() + 60)[0])

    def type(self) -> bool:
        """Sends what was typed; False when nobody types any more."""
        typed = os.read(sys.stdin.fileno(), 4096)
        self.input.sendall(typed)
        return bool(typed)


class Stream:
    """A line from the machine, copied to a descriptor until the word that stands for its end."""

    def __init__(self, line: socket.socket, target: int, end: bytes) -> None:
        self.line, self.target, self.end = line, target, end
        self.held = b""
        self.ended = False

    def forward(self) -> bool:
        """Copies what is there; False at the end."""
        read = self.line.recv(65536)
        if not read:
            raise MachineFailed("it ended before the command did")
        written, self.held, self.ended = cut(self.held + read, self.end)
        while written:
            written = written[os.write(self.target, written) :]
        return not self.ended


def cut(text: bytes, end: bytes) -> tuple[bytes, bytes, bool]:
    """What can be copied, what must wait because it may be the beginning of the end, and whether this is the end.

    >>> cut(b"some text EN", b"END")
    (b'some text ', b'EN', False)
    """
    before, found, _ = text.partition(end)
    if found:
        return before, b"", True
    for length in range(min(len(end) - 1, len(text)), 0, -1):
        if text.endswith(end[:length]):
            return text[:-length], text[-length:], False
    return text, b"", False


def step(selector: selectors.BaseSelector, deadline: float) -> None:
    """Waits until there is something to read, has it read, and forgets what has ended."""
    left = deadline - time.monotonic()
    ready = selector.select(min(left, 3600)) if left > 0 else []
    if not ready and left < 3600:
        raise TimeoutError
    for key, _ in ready:
        if not key.data():
            selector.unregister(key.fileobj)


def encoded(text: str) -> str:
    return base64.b64encode(os.fsencode(text)).decode()
