"""Signals as something to read: signalfd(2), and sending without a race: pidfd_send_signal(2)."""

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


def pidfd_open(pid: int) -> int:
    """pidfd_open(2): a descriptor that stands for this process and never for a later one with the same pid."""
    return os_call("pidfd_open", os.pidfd_open, pid)


def pidfd_send_signal(process: int, number: int) -> None:
    """pidfd_send_signal(2)"""
    os_call("pidfd_send_signal", signal.pidfd_send_signal, process, number)
