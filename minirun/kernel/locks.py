"""Locks on parts of a file (fcntl(2), advisory record locks): one process at a time.

One lasts until its process ends, or closes any descriptor of the file. A forked process does not have it.
"""

from __future__ import annotations

import _struct as struct
import fcntl
import os
from errno import EACCES, EAGAIN

from .files import open_regular

Part = tuple[int, int]  # of a file: its first byte, and how many
FLOCK = "hhqqi"  # struct flock: l_type, l_whence, l_start, l_len, l_pid


def open(path: str, make: bool = False) -> int:
    """The file, made where `make` wants it. EINVAL for what is no regular file, ELOOP for a symlink."""
    return open_regular(path, os.O_RDWR | (os.O_CREAT if make else 0), 0o600)


def take(descriptor: int, part: Part) -> bool:
    """F_SETLK: whether this process has the lock now; False while another one has it."""
    first, length = part
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, length, first)
    except OSError as error:
        if error.errno not in (EACCES, EAGAIN):
            raise
        return False
    return True


def wait_for(descriptor: int, part: Part) -> None:
    """F_SETLKW: without end, so for what another process has in passing only."""
    first, length = part
    fcntl.lockf(descriptor, fcntl.LOCK_EX, length, first)


def give_back(descriptor: int) -> None:
    """F_UNLCK: all that this process has of the file."""
    fcntl.lockf(descriptor, fcntl.LOCK_UN)


def holder(descriptor: int, part: Part) -> int | None:
    """F_GETLK: the pid of another process that has the lock, 0 for one of another pid namespace; None without any."""
    first, length = part
    asked = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, first, length, 0)
    kind, _, _, _, pid = struct.unpack(FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))
    return None if kind == fcntl.F_UNLCK else int(pid)
