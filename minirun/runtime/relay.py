"""The container's terminal, carried to minirun's own and back, byte by byte.

    keyboard ──► 0 (raw mode) ──► master ══ slave ──► the program
    screen   ◄── 1            ◄── master ══ slave ◄──

In raw mode the caller's terminal leaves Ctrl-C and all else to the container's, whose kernel side makes signals of it.
"""

from __future__ import annotations

import os
import select

from ..kernel import terminals
from .end_of_input import EndOfInput

STDIN, STDOUT, CLOSED = 0, 1, -1
OWN_TERMINAL = "/dev/tty"  # tty(4): the one that controls this process, whatever its streams are
CHUNK = 1 << 16
GONE = select.POLLHUP | select.POLLERR
PATIENCE = 50  # milliseconds


class Relay:
    """Carries bytes between minirun's stdin and stdout and the master side of the container's terminal."""

    def __init__(self, master: int, window: tuple[int, int] | None) -> None:
        """`window` is the caller's size that the container's terminal has been told of."""
        os.set_blocking(master, False)  # a program that does not read must not keep us from showing what it writes
        self.master, self.window = master, window
        self.keyboard = STDIN
        self.end: EndOfInput | None = None  # when the keyboard is closed
        self.last = b""  # what was typed last
        self.typed = b""  # what the container has not taken yet
        self.printed = b""  # what the caller's terminal has not taken yet
        self.own_terminal = open_own_terminal()
        self.modes: terminals.Modes | None = None  # of the caller's terminal, before
        self.is_deserted = False  # nobody holds the container's side at present
        self.watched: dict[int, int] = {}  # what poll(2) watches for us

    def __enter__(self) -> Relay:
        self.take()
        self.resize()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.restore()
        self.hang_up()
        if self.own_terminal != CLOSED:
            os.close(self.own_terminal)

    # ---- the caller's terminal

    def take(self) -> None:
        """Put the caller's terminal into raw mode. Lines that get there by a detour, as in minirun run … | tee, are
        ended as before."""
        if os.isatty(STDIN):
            self.modes = terminals.make_raw(STDIN, output=terminals.has_one_screen())

    def restore(self) -> None:
        """Put the caller's terminal back into the modes from before."""
        if self.modes is not None:
            try:
                terminals.restore(STDIN, self.modes)
            except OSError:
                pass  # it is gone, with its modes
            self.modes = None

    def is_cut_off(self) -> bool:
        """Whether the caller's terminal has been hung up. Whoever sends SIGHUP may mean something else by it."""
        return self.own_terminal != CLOSED and bool(events_of(self.own_terminal) & GONE)

    def resize(self) -> None:
        """Hand the size of the caller's terminal on when it has changed."""
        before, self.window = self.window, terminals.callers_size()
        if self.master != CLOSED and self.window and self.window != before:
            terminals.set_size(self.master, *self.window)

    # ---- carrying

    def update(self, poll: select.poll) -> float | None:
        """Say what to wait for, and for how many milliseconds at most (None: without end).

        Each side is read only when the other has taken what came before. While nobody holds the container's side,
        poll(2) would report that without end; so it is asked now and then whether somebody does again, as an init
        system does that closes its terminal and opens /dev/console later.
        """
        self.is_deserted = self.is_deserted and self.master != CLOSED and self.is_let_go()
        self.type_end()
        wanted = {STDOUT: select.POLLOUT} if self.printed else {}
        if self.master != CLOSED and not self.is_deserted:
            if self.typed or not self.printed:
                wanted[self.master] = (select.POLLOUT if self.typed else 0) | (0 if self.printed else select.POLLIN)
            if self.keyboard != CLOSED and not self.typed:
                wanted[self.keyboard] = select.POLLIN
        for descriptor in self.watched.keys() - wanted.keys():
            poll.unregister(descriptor)
        for descriptor, events in wanted.items():
            poll.register(descriptor, events)
        self.watched = wanted
        if self.is_deserted:
            return PATIENCE
        return self.end.patience() if self.end and not self.typed else None

    def carry(self, descriptor: int, events: int) -> None:
        """One turn of the carrying, for a descriptor that poll(2) has named."""
        if descriptor == STDOUT:
            self.show()
        elif descriptor == self.keyboard:
            self.read_keyboard()
        elif events & select.POLLOUT:
            self.type_on()
        else:
            self.is_deserted = not self.read_master() and bool(events & GONE)

    def has_more(self) -> bool:
        """Whether the program, which has ended, said something that is not on the screen yet."""
        return bool(self.printed) or self.read_master()

    def read_keyboard(self) -> None:
        try:
            self.typed = os.read(self.keyboard, CHUNK)
        except OSError:
            self.typed = b""  # the terminal is gone
        if not self.typed:
            self.end, self.keyboard = EndOfInput(self.last), CLOSED
        self.last = self.typed
        self.type_on()

    def type_end(self) -> None:
        if self.end and not self.typed and self.master != CLOSED and not self.is_let_go():
            self.typed = self.end.due_key(self.master)
            self.type_on()

    def type_on(self) -> None:
        """Pass on what was typed, as much as the container takes now."""
        try:
            self.typed = self.typed[os.write(self.master, self.typed) :]
        except BlockingIOError:
            pass
        except OSError:
            self.typed = b""  # nobody holds the other side

    def read_master(self) -> bool:
        """Take a piece of the program's output; False if there is none."""
        try:
            self.printed = os.read(self.master, CHUNK)
        except OSError:  # EAGAIN: nothing now. EIO: nobody holds the other side. EBADF: we have hung up
            return False
        return bool(self.printed)

    def show(self) -> None:
        """Write what a pipe takes at once when poll(2) calls it writable: a full one must not keep us from signals."""
        try:
            self.printed = self.printed[os.write(STDOUT, self.printed[: select.PIPE_BUF]) :]
        except BlockingIOError:
            pass
        except OSError:  # nobody looks on any more: the container hears of it as a hang-up
            self.printed = b""
            self.hang_up()

    def is_let_go(self) -> bool:
        """Whether nobody holds the container's side."""
        return bool(events_of(self.master) & GONE)

    def hang_up(self) -> None:
        """Close the master side: the kernel sends SIGHUP to the container's session (pty(7))."""
        if self.master != CLOSED:
            os.close(self.master)
            self.master = CLOSED


def events_of(descriptor: int) -> int:
    """What poll(2) says of one descriptor right now."""
    poll = select.poll()
    poll.register(descriptor, 0)
    return next((events for _descriptor, events in poll.poll(0)), 0)


def open_own_terminal() -> int:
    """A descriptor of it, to be asked after. Without one, somebody's may be standard input all the same."""
    try:
        return os.open(OWN_TERMINAL, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return os.dup(STDIN) if os.isatty(STDIN) else CLOSED
