"""What is mounted in this process's mount namespace: /proc/self/mountinfo (proc(5))."""

from __future__ import annotations

import os
from errno import EMFILE, ENFILE, ENOMEM

from . import files

NOWHERE = -1  # a descriptor that an absolute path doesn't need (openat(2))


def mount_points(*types: str, proc: int = NOWHERE) -> list[str]:
    """Where file systems of these types are mounted, in the order in which they were. `proc` is an open /proc, for who
    has another root by now."""
    return [point for _number, _root, point in mounts(*types, proc=proc)]


def in_sight(*types: str) -> list[tuple[str, str]]:
    """Of those mounts the ones that a path leads to, the others being covered: the directory of the file system that
    is mounted, and where."""
    return [(root, point) for number, root, point in mounts(*types) if mount_id(point) == number]


def mounts(*types: str, proc: int = NOWHERE) -> list[tuple[int, str, str]]:
    """The number, root and mount point of each."""
    found = []
    path = "/proc/self/mountinfo" if proc == NOWHERE else "self/mountinfo"
    for line in files.read_file_at(proc, path).splitlines():
        before, _, after = line.partition(" - ")
        if after.split(" ")[0] in types:
            number, _parent, _device, root, point = before.split(" ")[:5]
            found.append((int(number), unescaped(root), unescaped(point)))
    return found


def mount_id(path: str) -> int:
    """The number of the mount that a path leads to: mnt_id in proc_pid_fdinfo(5); 0 where it leads nowhere."""
    try:
        descriptor = files.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (EMFILE, ENFILE, ENOMEM):
            raise
        return 0
    try:
        lines = files.read_file(f"/proc/self/fdinfo/{descriptor}").splitlines()
    finally:
        os.close(descriptor)
    return next(int(line.partition(":")[2]) for line in lines if line.startswith("mnt_id:"))


def unescaped(path: str) -> str:
    """A space in a path, and a few others, stand there as an octal number: \\040."""
    first, *others = path.split("\\")
    return first + "".join(chr(int(part[:3], 8)) + part[3:] for part in others)
