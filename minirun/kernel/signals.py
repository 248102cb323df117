"""Signals as something to read: signalfd(2), sending without a race: pidfd_send_signal(2), and what execve(2) keeps."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

from .constants import SFD_CLOEXEC
from .libc import call, os_call, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)  # what asks a program to end
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
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIGRTMIN+{number - signal.SIGRTMIN}"


def ignored() -> list[int]:
    """Those that this process ignores."""
    return [number for number in range(1, signal.NSIG) if signal.getsignal(number) == signal.SIG_IGN]


def reset(but: tuple[int, ...] = ()) -> None:
    """Have no signal blocked, and none ignored `but` these. execve(2) hands both on (signal(7)), and few programs think
    of it: one that has SIGTERM blocked can't be asked to end, one that ignores SIGCHLD never learns of its children."""
    for number in ignored():
        if number not in but:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def pidfd_open(pid: int) -> int:
    """pidfd_open(2): a descriptor that stands for this process and never for a later one with the same pid."""
    return os_call("pidfd_open", os.pidfd_open, pid)


def pidfd_send_signal(process: int, number: int) -> None:
    """pidfd_send_signal(2)"""
    os_call("pidfd_send_signal", signal.pidfd_send_signal, process, number)
