"""The container's terminal, carried to minirun's own and back, byte by byte.

    keyboard ──► 0 (raw mode) ──► master ══ slave ──► the program
    screen   ◄── 1            ◄── master ══ slave ◄──

In raw mode the caller's terminal leaves Ctrl-C and all else to the container's, whose kernel side makes signals of it.
"""

from __future__ import annotations

import os
import select

from ..kernel import terminals

CHUNK = 1 << 16
END_OF_INPUT = b"\x04"  # VEOF, termios(3): what Ctrl-D types


class Relay:
    """Carries bytes between minirun's stdin and stdout and the master side of the container's terminal."""

    def __init__(self, master: int) -> None:
        self.master = master
        self.input = 0
        self.output = 1
        self.typed = b""  # what the container has not taken yet
        self.modes: terminals.Modes | None = None
        self.watched: dict[int, int] = {}
        os.set_blocking(master, False)

    def __enter__(self) -> Relay:
        self.take()
        return self

    def __exit__(self, *_exception: object) -> None:
        try:
            while self.master >= 0 and self.show():  # what the program said last
                pass
        finally:
            self.restore()
            self.hang_up()

    def take(self) -> None:
        """Put the caller's terminal into raw mode, and give the container's its size."""
        if self.input >= 0 and os.isatty(self.input):
            self.modes = terminals.make_raw(self.input)
        self.resize()

    def restore(self) -> None:
        if self.modes is not None:
            terminals.restore(self.input_terminal, self.modes)
            self.modes = None

    input_terminal = 0

    def resize(self) -> None:
        """Hand the size of the caller's terminal on."""
        for descriptor in (0, 1):
            if self.master >= 0 and os.isatty(descriptor):
                rows, columns = terminals.get_size(descriptor)
                if rows and columns:
                    terminals.set_size(self.master, rows, columns)
                    return

    def update(self, poll: select.poll) -> None:
        """Say what to wait for: no more of the keyboard before the container has taken what it was sent."""
        wanted = {}
        if self.master >= 0:
            wanted[self.master] = select.POLLIN | (select.POLLOUT if self.typed else 0)
        if self.input >= 0 and self.master >= 0 and not self.typed:
            wanted[self.input] = select.POLLIN
        for descriptor in self.watched.keys() - wanted.keys():
            poll.unregister(descriptor)
        for descriptor, events in wanted.items():
            poll.register(descriptor, events)
        self.watched = wanted

    def carry(self, descriptor: int, events: int) -> None:
        """One turn of the carrying, for a descriptor that poll(2) has named."""
        if descriptor == self.input:
            self.read_keyboard()
        elif descriptor == self.master:
            if events & (select.POLLIN | select.POLLHUP | select.POLLERR) and not self.show():
                if events & (select.POLLHUP | select.POLLERR):
                    self.forget_master()
                    return
            if self.typed and events & select.POLLOUT:
                self.type_on()

    def read_keyboard(self) -> None:
        try:
            self.typed = os.read(self.input, CHUNK)
        except OSError:
            self.typed = b""
        if not self.typed:
            self.typed, self.input = END_OF_INPUT, -1
        self.type_on()

    def type_on(self) -> None:
        try:
            self.typed = self.typed[os.write(self.master, self.typed) :]
        except BlockingIOError:
            pass
        except OSError:
            self.typed = b""  # nobody holds the other side

    def show(self) -> bool:
        """Carry one piece of output; False if there was none."""
        try:
            piece = os.read(self.master, CHUNK)
        except BlockingIOError:
            return False
        except OSError:  # EIO: nobody holds the other side at present
            return False
        try:
            while piece:
                piece = piece[os.write(self.output, piece) :]
        except OSError:  # nobody looks on any more: the container hears of it as a hang-up
            self.hang_up()
            return False
        return True

    def forget_master(self) -> None:
        """Nobody holds the other side. Waiting for it would mean spinning: POLLHUP does not go away."""
        self.watched.pop(self.master, None)
        self.hang_up()

    def hang_up(self) -> None:
        if self.master >= 0:
            os.close(self.master)
            self.master = -1
