"""Signals as something to read: signalfd(2), sending without a race: pidfd_send_signal(2), and what execve(2) keeps.

The numbers and Python's own functions come from the half in C of its signal module. The other half, which could not do
without it, makes enumerations of the numbers, for which it imports enum, functools and collections (docs/speed.md).
"""

from __future__ import annotations

import os
import sys

from . import ctypes
from .constants import SFD_CLOEXEC
from .libc import call, os_call, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Iterable
    from signal import *
else:
    import _signal
    from _signal import *

ENDING = (SIGINT, SIGTERM, SIGHUP, SIGQUIT)  # what asks a program to end
SIGNALFD_SIGINFO_SIZE = 128  # sizeof(struct signalfd_siginfo), linux/signalfd.h: its first member is the number


def signalfd(signals: Iterable[int]) -> int:
    """signalfd(2): a descriptor that reads the given signals, which the caller has blocked."""
    mask = (ctypes.c_ulong * 16)()  # sigset_t: 1024 bits, signal 1 is bit 0
    for number in signals:
        mask[(number - 1) // 64] |= 1 << (number - 1) % 64
    return call("signalfd", -1, ctypes.byref(mask), SFD_CLOEXEC, shown=lambda: show("signalfd", -1, "mask"))


def read_signal(descriptor: int) -> int:
    """The number of the next signal that waits in a signalfd."""
    return int.from_bytes(os.read(descriptor, SIGNALFD_SIGINFO_SIZE)[:4], sys.byteorder)


def name(number: int) -> str:
    """SIGKILL; SIGRTMIN+2 for what has no name of its own."""
    names = {number: name for name, number in numbers().items() if name not in OTHER_NAMES}
    return names.get(number, f"SIGRTMIN+{number - SIGRTMIN}")


def numbers() -> dict[str, int]:
    """The numbers of signal(7), by name."""
    return {name: int(value) for name, value in vars(_signal).items() if name.startswith("SIG") and name[3] != "_"}


OTHER_NAMES = ("SIGCLD", "SIGIOT", "SIGPOLL")  # of SIGCHLD, SIGABRT, SIGIO


def ignored() -> list[int]:
    """Those that this process ignores."""
    return [number for number in range(1, NSIG) if getsignal(number) == SIG_IGN]


def reset(but: tuple[int, ...] = ()) -> None:
    """Have no signal blocked, and none ignored `but` these. execve(2) hands both on (signal(7)), and few programs think
    of it: one that has SIGTERM blocked can't be asked to end, one that ignores SIGCHLD never learns of its children."""
    for number in ignored():
        if number not in but:
            signal(number, SIG_DFL)
    pthread_sigmask(SIG_SETMASK, ())


def pidfd_open(pid: int) -> int:
    """pidfd_open(2): a descriptor that stands for this process and never for a later one with the same pid."""
    return os_call("pidfd_open", os.pidfd_open, pid)


def pidfd_send_signal(process: int, number: int) -> None:  # type: ignore[no-redef]
    """pidfd_send_signal(2)"""
    os_call("pidfd_send_signal", _signal.pidfd_send_signal, process, number)
