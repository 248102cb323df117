"""seccomp(2): hand the kernel a program that decides about every system call of this process from now on."""

from __future__ import annotations

from . import ctypes
from .constants import SECCOMP_FILTER_FLAG_NEW_LISTENER, SECCOMP_SET_MODE_FILTER
from .libc import Flags, show, syscall

INSTRUCTION_SIZE = 8  # struct sock_filter, linux/filter.h


class SockFprog(ctypes.Structure):
    """struct sock_fprog, linux/filter.h"""

    _fields_ = (("len", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def set_mode_filter(program: bytes, flags: int) -> int:
    """SECCOMP_SET_MODE_FILTER: 0, or with SECCOMP_FILTER_FLAG_NEW_LISTENER its descriptor (close-on-exec)."""
    count = len(program) // INSTRUCTION_SIZE
    fprog = SockFprog(count, program)
    return syscall(
        "seccomp",
        SECCOMP_SET_MODE_FILTER,
        flags,
        ctypes.byref(fprog),
        shown=lambda: show(
            "seccomp",
            Flags("SECCOMP_SET_MODE_FILTER"),
            Flags.of(flags, "SECCOMP_FILTER_FLAG_"),
            Flags(f"{{len={count}}}"),
        ),
    )


def has_listener(flags: int) -> bool:
    return bool(flags & SECCOMP_FILTER_FLAG_NEW_LISTENER)
