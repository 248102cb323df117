"""tmpcopyup: copy what lies below a new tmpfs into it (config.md#mounts, Linux mount options)."""

from __future__ import annotations

import os
import stat

from ..kernel import files

CHUNK = 1 << 20
# Never through a symlink that somebody puts there meanwhile, never waiting for the other end of a FIFO.
OPEN_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def copy_directory(source: int, target: int) -> None:
    """Copy the entries of one directory into another, with owner, mode and times; both are descriptors."""
    reading = files.open(files.by_descriptor(source) + "/.", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    writing = files.open(files.by_descriptor(target) + "/.", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in os.listdir(reading):
            copy_entry(reading, writing, name)
        copy_attributes(os.fstat(reading), files.by_descriptor(writing))
    finally:
        os.close(reading)
        os.close(writing)


def copy_entry(source: int, target: int, name: str) -> None:
    """Copy one entry, whatever it is, from the directory `source` into the directory `target`."""
    status = os.stat(name, dir_fd=source, follow_symlinks=False)
    if stat.S_ISLNK(status.st_mode):
        files.symlinkat(os.readlink(name, dir_fd=source), target, name)
        os.chown(name, status.st_uid, status.st_gid, dir_fd=target, follow_symlinks=False)
    elif stat.S_ISDIR(status.st_mode):
        copy_subdirectory(source, target, name)
    elif stat.S_ISREG(status.st_mode):
        copy_file(source, target, name)
    else:
        files.mknodat(target, name, status.st_mode, status.st_rdev)
        os.chown(name, status.st_uid, status.st_gid, dir_fd=target, follow_symlinks=False)


def copy_subdirectory(source: int, target: int, name: str) -> None:
    files.mkdirat(target, name, 0o700)
    below = files.openat(source, name, OPEN_FLAGS | os.O_DIRECTORY)
    above = files.openat(target, name, OPEN_FLAGS | os.O_DIRECTORY)
    try:
        copy_directory(below, above)
    finally:
        os.close(below)
        os.close(above)


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
