"""Pseudoterminals (pty(7)) and terminal modes (termios(3))."""

from __future__ import annotations

import _struct as struct
import fcntl
import os
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


def copy_callers_size(terminal: int) -> None:
    """Give a terminal the size of the one at standard input or output, if there is one and it knows its size."""
    for callers in (0, 1):
        if os.isatty(callers):
            rows, columns = get_size(callers)
            if rows and columns:
                set_size(terminal, rows, columns)
            return


def make_raw(terminal: int) -> Modes:
    """Raw mode: every byte passes, nothing is a signal or an echo here. Returns the modes from before."""
    try:
        before = termios.tcgetattr(terminal)
        tty.setraw(terminal, termios.TCSANOW)
    except termios.error as error:
        raise SystemCallError(error.args[0], "tcsetattr", show("tcsetattr", terminal)) from None
    return before


def restore(terminal: int, modes: Modes) -> None:
    """Set the modes that `make_raw` returned."""
    try:
        termios.tcsetattr(terminal, termios.TCSADRAIN, modes)
    except termios.error as error:  # which is no OSError
        raise SystemCallError(error.args[0], "tcsetattr", show("tcsetattr", terminal)) from None
