"""close_range(2): which descriptors a program gets."""

from __future__ import annotations

from . import ctypes
from .constants import CLOSE_RANGE_CLOEXEC
from .libc import Flags, call, show

LAST = 0xFFFFFFFF  # of all descriptors there can be


def close_on_exec_from(first: int) -> None:
    """close_range(2) with CLOSE_RANGE_CLOEXEC: mark every descriptor from `first` on."""
    close_range(first, LAST, CLOSE_RANGE_CLOEXEC)


def close_all_but(kept: set[int]) -> None:
    """close_range(2), between those that are to stay open; negative ones are none."""
    first = 0
    for descriptor in sorted(kept):
        if descriptor > first:
            close_range(first, descriptor - 1)
        first = max(first, descriptor + 1)
    close_range(first, LAST)


def close_range(first: int, last: int, flags: int = 0) -> None:
    """close_range(2)"""
    call(
        "close_range",
        ctypes.c_uint(first),
        ctypes.c_uint(last),
        flags,
        shown=lambda: show(
            "close_range", first, Flags("~0") if last == LAST else last, Flags.of(flags, "CLOSE_RANGE_")
        ),
    )
