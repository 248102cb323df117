"""The processes in a cgroup and in those below it (cgroups(7))."""

from __future__ import annotations

import os
from errno import ENODEV, ENOENT, EOPNOTSUPP

from ..kernel import files
from ..kernel.libc import SystemCallError
from .tree import walk_as_it_is


def pids(cgroup: str) -> list[int]:
    """As this process sees them, in order. Raises Restless (tree.py)."""
    return sorted({pid for directory, name in walk_as_it_is(cgroup) for pid in pids_in(directory, name)})


def is_another(cgroup: str, inode: int) -> bool:
    """Whether the cgroup of this path is not the one of this inode: it went, and somebody has made it anew. The kernel
    gives no inode of cgroups twice. 0: nobody has noted it."""
    try:
        return inode not in (0, os.stat(cgroup).st_ino)
    except OSError:
        return False


def is_populated(cgroup: str) -> bool:
    """Whether there are processes in it or below."""
    try:
        return "populated 1" in files.read_file(f"{cgroup}/cgroup.events").split("\n")
    except SystemCallError as error:
        if error.errno not in (ENOENT, ENODEV):
            raise
        return False


def pids_in(directory: int, name: str) -> list[int]:
    """A cgroup that is gone has none. A threaded one does not say, but the one whose domain it is in does.

    0 stands for a process of another pid namespace: to kill(2) that would be the caller's own process group.
    """
    try:
        words = files.read_file_at(directory, f"{name}/cgroup.procs").split()
    except SystemCallError as error:
        if error.errno in (ENOENT, ENODEV, EOPNOTSUPP):
            return []
        raise
    return [int(word) for word in words if word != "0"]
