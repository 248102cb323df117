"""The container's terminal, carried to minirun's own and back, byte by byte.

    keyboard ──► 0 (raw mode) ──► master ══ slave ──► the program
    screen   ◄── 1            ◄── master ══ slave ◄──

In raw mode the caller's terminal leaves Ctrl-C and all else to the container's, whose kernel side makes signals of it.
"""

from __future__ import annotations

import os
import select

from ..kernel import terminals

STDIN, STDOUT, CLOSED = 0, 1, -1
CHUNK = 1 << 16
END_OF_INPUT = b"\x04"  # VEOF, termios(3): what Ctrl-D types
GONE = select.POLLHUP | select.POLLERR


class Relay:
    """Carries bytes between minirun's stdin and stdout and the master side of the container's terminal."""

    def __init__(self, master: int) -> None:
        os.set_blocking(master, False)  # a program that does not read must not keep us from showing what it writes
        self.master = master
        self.keyboard = STDIN
        self.typed = b""  # what the container has not taken yet
        self.modes: terminals.Modes | None = None  # of the caller's terminal, before
        self.watched: dict[int, int] = {}  # what poll(2) watches for us

    def __enter__(self) -> Relay:
        self.take()
        return self

    def __exit__(self, *_exception: object) -> None:
        try:
            while self.show():  # what the program said last
                pass
        finally:
            self.restore()
            self.hang_up()

    # ---- the caller's terminal

    def take(self) -> None:
        """Put the caller's terminal into raw mode, and give the container's its size."""
        if os.isatty(STDIN):
            self.modes = terminals.make_raw(STDIN)
        self.resize()

    def restore(self) -> None:
        """Put the caller's terminal back into the modes from before."""
        if self.modes is not None:
            terminals.restore(STDIN, self.modes)
            self.modes = None

    def resize(self) -> None:
        """Hand the size of the caller's terminal on."""
        terminal = next((number for number in (STDIN, STDOUT) if os.isatty(number)), CLOSED)
        if terminal == CLOSED or self.master == CLOSED:
            return
        rows, columns = terminals.get_size(terminal)
        if rows and columns:
            terminals.set_size(self.master, rows, columns)

    # ---- carrying

    def update(self, poll: select.poll) -> None:
        """Say what to wait for: no more of the keyboard before the container has taken what it was sent."""
        wanted = {}
        if self.master != CLOSED:
            wanted[self.master] = select.POLLIN | (select.POLLOUT if self.typed else 0)
            if self.keyboard != CLOSED and not self.typed:
                wanted[self.keyboard] = select.POLLIN
        for descriptor in self.watched.keys() - wanted.keys():
            poll.unregister(descriptor)
        for descriptor, events in wanted.items():
            poll.register(descriptor, events)
        self.watched = wanted

    def carry(self, descriptor: int, events: int) -> None:
        """One turn of the carrying, for a descriptor that poll(2) has named."""
        if descriptor == self.keyboard:
            self.read_keyboard()
        elif not self.show() and events & GONE:
            self.hang_up()  # nobody holds the other side, and poll(2) would say so without end
        elif self.typed:
            self.type_on()

    def read_keyboard(self) -> None:
        try:
            self.typed = os.read(self.keyboard, CHUNK)
        except OSError:
            self.typed = b""  # the terminal is gone
        if not self.typed:
            self.typed, self.keyboard = END_OF_INPUT, CLOSED
        self.type_on()

    def type_on(self) -> None:
        """Pass on what was typed, as much as the container takes now."""
        try:
            self.typed = self.typed[os.write(self.master, self.typed) :]
        except BlockingIOError:
            pass
        except OSError:
            self.typed = b""  # nobody holds the other side

    def show(self) -> bool:
        """Carry one piece of output; False if there was none."""
        if self.master == CLOSED:
            return False
        try:
            piece = os.read(self.master, CHUNK)
        except OSError:  # EAGAIN: nothing now. EIO: nobody holds the other side
            return False
        try:
            write_all(STDOUT, piece)
        except OSError:  # nobody looks on any more: the container hears of it as a hang-up
            self.hang_up()
        return self.master != CLOSED

    def hang_up(self) -> None:
        """Close the master side: the kernel sends SIGHUP to the container's session (pty(7))."""
        if self.master != CLOSED:
            os.close(self.master)
            self.master = CLOSED


def write_all(descriptor: int, data: bytes) -> None:
    """Write everything, also where another program has made the caller's terminal non-blocking."""
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:
            select.select([], [descriptor], [])
