"""A child that is not one's own: clone3(2) with CLONE_PARENT."""

from __future__ import annotations

from . import ctypes
from .clone import LIKE_FORK, CloneArguments, address_of_thread_id, around_fork
from .constants import CLONE_PARENT
from .libc import Flags, SystemCallError, number_of, show


def fork_sibling() -> int:
    """As fork(2), but the child is one of this process's parent, which hears of its end as it hears of this one's. Its
    pid; 0 in the child itself. ENOSYS, or EINVAL of prctl(2), where that can't be had for Python's process."""
    wishes = CloneArguments(flags=CLONE_PARENT | LIKE_FORK, child_tid=address_of_thread_id())
    pid, error = around_fork(number_of("clone3", shown), ctypes.byref(wishes))
    if pid == -1:
        raise SystemCallError(error, "clone3", shown())
    return pid


def shown() -> str:
    return show("clone3", Flags(f"{{.flags = {Flags.of(CLONE_PARENT | LIKE_FORK, 'CLONE_')}}}"))
