"""Pseudoterminals (pty(7)) and terminal modes (termios(3))."""

from __future__ import annotations

import _struct as struct
import fcntl
import os
import select
import termios
import tty

from .constants import TIOCGPTPEER, TIOCSPTLCK
from .libc import SystemCallError, os_call, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    Modes = list[int | list[bytes | int]]


def unlock_and_open_peer(master: int) -> int:
    """The other side of a pseudoterminal: TIOCSPTLCK, then TIOCGPTPEER (ioctl_tty(2)).

    TIOCGPTPEER opens the peer of this very descriptor. A path such as /dev/pts/0 could by now lead to a file that the
    image brought along (CVE-2025-52565). O_CLOEXEC would stay with the open file: of the program's copies, too, the
    kernel would say that execve(2) closes them (proc_pid_fdinfo(5)).
    """
    os_call("ioctl TIOCSPTLCK", fcntl.ioctl, master, TIOCSPTLCK, struct.pack("i", 0))
    peer = os_call("ioctl TIOCGPTPEER", fcntl.ioctl, master, TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY)
    os.set_inheritable(peer, False)
    return peer


def set_controlling_terminal(terminal: int) -> None:
    """TIOCSCTTY: make it the controlling terminal of this session."""
    os_call("ioctl TIOCSCTTY", fcntl.ioctl, terminal, termios.TIOCSCTTY, 0)


def get_size(terminal: int) -> tuple[int, int]:
    """TIOCGWINSZ: rows and columns."""
    rows, columns, _x, _y = struct.unpack("4H", fcntl.ioctl(terminal, termios.TIOCGWINSZ, bytes(8)))
    return rows, columns


def set_size(terminal: int, rows: int, columns: int) -> None:
    """TIOCSWINSZ: the kernel sends SIGWINCH to the foreground process group."""
    os_call("ioctl TIOCSWINSZ", fcntl.ioctl, terminal, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))


def callers_size() -> tuple[int, int] | None:
    """The size of the terminal at standard input, output or error, if there is one and it knows its size."""
    for callers in (0, 1, 2):
        if os.isatty(callers):
            rows, columns = get_size(callers)
            return (rows, columns) if rows and columns else None
    return None


def has_one_screen() -> bool:
    """Whether what is typed comes from the very terminal to which output goes."""
    return os.isatty(0) and os.path.samestat(os.fstat(0), os.fstat(1))


def has_unread(master: int) -> bool:
    """Whether something that was typed waits for the program. By the peer, since the master tells only of output."""
    try:
        peer = fcntl.ioctl(master, TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return True  # the program keeps all others off (TIOCEXCL), so nothing is known of it
    poll = select.poll()
    poll.register(peer, select.POLLIN)
    events = poll.poll(0)
    os.close(peer)
    return bool(events)


# The four parts of termios(3), as Python's termios numbers them.
OUTPUT, LOCAL = 1, 3


def takes_lines(terminal: int) -> bool:
    """Whether a line is the program's when it has ended (ICANON), and not each key."""
    return bool(get_modes(terminal)[LOCAL] & termios.ICANON)  # type: ignore[operator]


def leave_line_ends(terminal: int) -> None:
    """Clear ONLCR: a line ends as the program has ended it, by LF, and not by CR LF."""
    modes = get_modes(terminal)
    modes[OUTPUT] &= ~termios.ONLCR  # type: ignore[operator]
    set_modes(terminal, modes, termios.TCSANOW)


def make_raw(terminal: int, *, output: bool) -> Modes:
    """Raw mode: every byte passes, nothing is a signal or an echo here; with `output`, nothing that is written is
    changed either. Returns the modes from before."""
    before = get_modes(terminal)
    tty.setraw(terminal, termios.TCSANOW)
    if not output:
        raw = get_modes(terminal)
        raw[OUTPUT] = before[OUTPUT]
        set_modes(terminal, raw, termios.TCSANOW)
    return before


def restore(terminal: int, modes: Modes) -> None:
    """Set the modes that `make_raw` returned."""
    set_modes(terminal, modes, termios.TCSADRAIN)


def get_modes(terminal: int) -> Modes:
    try:
        return termios.tcgetattr(terminal)
    except termios.error as error:  # which is no OSError
        raise SystemCallError(error.args[0], "tcgetattr", show("tcgetattr", terminal)) from None


def set_modes(terminal: int, modes: Modes, when: int) -> None:
    try:
        termios.tcsetattr(terminal, when, modes)
    except termios.error as error:
        raise SystemCallError(error.args[0], "tcsetattr", show("tcsetattr", terminal)) from None
