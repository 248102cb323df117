"""tmpcopyup: copy what lies below a new tmpfs into it (config.md#mounts, Linux mount options)."""

from __future__ import annotations

import os
import stat
from errno import ENOSPC, EXDEV

from ..kernel import files
from ..kernel.constants import RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, RESOLVE_NO_XDEV
from ..kernel.libc import SystemCallError
from .mounts import FILESYSTEM_CURES, MountFilesystem
from .shell import in_root

CHUNK = 1 << 20
# Never through a symlink that somebody puts there meanwhile, never waiting for the other end of a FIFO.
OPEN_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
RESOLVE = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV


class MountFilled(MountFilesystem):
    """Mount a tmpfs that starts with what the directory below it holds."""

    cures = {**FILESYSTEM_CURES, ENOSPC: "what is copied does not fit: give the tmpfs more, with size= or nr_inodes="}

    def describe(self) -> str:
        return f"{super().describe()}, with a copy of what it hides"

    def commands(self) -> list[str]:
        *before, mounted = super().commands()
        place = in_root(self.destination)
        filled = f"cp -a /proc/self/fd/$below/. {place}"
        return [*before, f"exec {{below}}<{place}", mounted, filled, "exec {below}<&-"]

    def calls(self) -> tuple[str, ...]:
        *before, mounted = super().calls()
        return (*before, f"{mounted}  // then what lies below is copied into it")

    def fill(self, below: int, mounted: int) -> None:
        copy_directory(below, mounted)


def copy_directory(source: int, target: int) -> None:
    """Copy what one directory holds into another, with owner, mode and times; both are descriptors.

    Directories wait in a list instead of the stack, because the image decides how deep they are. What is mounted on one
    is left out: of a /proc there is no end.
    """
    found = [""]
    for path in found:
        found += [f"{path}{name}/" for name in copy_entries(source, target, path)]
    copy_attributes(os.fstat(source), files.by_descriptor(target))
    for path in reversed(found):  # the inner ones first, since making them has changed the times of those around them
        copy_times(source, target, path)


def open_below(directory: int, path: str) -> int:
    return files.openat2(directory, f"./{path}", os.O_RDONLY | os.O_DIRECTORY, RESOLVE)


def copy_entries(source: int, target: int, path: str) -> list[str]:
    """Copy the entries of one directory of the tree; the names of the directories, which are still empty."""
    reading, writing = open_below(source, path), open_below(target, path)
    try:
        return [name for name in os.listdir(reading) if copy_entry(reading, writing, name)]
    finally:
        os.close(reading)
        os.close(writing)


def copy_times(source: int, target: int, path: str) -> None:
    reading, writing = open_below(source, path), open_below(target, path)
    status = os.fstat(reading)
    os.utime(writing, ns=(status.st_atime_ns, status.st_mtime_ns))
    os.close(reading)
    os.close(writing)


def copy_entry(source: int, target: int, name: str) -> bool:
    """Copy one entry from the directory `source` into the directory `target`; whether there is more in it to copy."""
    status = os.stat(name, dir_fd=source, follow_symlinks=False)
    if stat.S_ISDIR(status.st_mode):
        files.mkdirat(target, name, 0o700)
        os.chown(name, status.st_uid, status.st_gid, dir_fd=target, follow_symlinks=False)
        os.chmod(name, stat.S_IMODE(status.st_mode), dir_fd=target)
        return not is_mount_point(source, name)
    if stat.S_ISREG(status.st_mode):
        copy_file(source, target, name)
    else:
        copy_special(source, target, name, status)
    return False


def is_mount_point(directory: int, name: str) -> bool:
    try:
        os.close(files.openat2(directory, name, os.O_PATH, RESOLVE))
    except SystemCallError as error:
        if error.errno == EXDEV:
            return True
        raise
    return False


def copy_special(source: int, target: int, name: str, status: os.stat_result) -> None:
    """A symlink, a device, a FIFO or a socket."""
    if stat.S_ISLNK(status.st_mode):
        files.symlinkat(os.readlink(name, dir_fd=source), target, name)
    else:
        files.mknodat(target, name, status.st_mode, status.st_rdev)
    os.chown(name, status.st_uid, status.st_gid, dir_fd=target, follow_symlinks=False)


def copy_file(source: int, target: int, name: str) -> None:
    reading = files.openat(source, name, OPEN_FLAGS)
    writing = files.openat(target, name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        while chunk := os.read(reading, CHUNK):
            while chunk:
                chunk = chunk[os.write(writing, chunk) :]
        copy_attributes(os.fstat(reading), files.by_descriptor(writing))
    finally:
        os.close(reading)
        os.close(writing)


def copy_attributes(status: os.stat_result, path: str) -> None:
    """Owner first: chown(2) clears the set-id bits that the mode then sets again."""
    os.chown(path, status.st_uid, status.st_gid)
    os.chmod(path, stat.S_IMODE(status.st_mode))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
