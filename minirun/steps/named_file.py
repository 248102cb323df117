"""A file that the caller names for minirun to write: it may be a new one, and it may be anything else that has a name.

rename(2) shows nobody half of a file, and it puts the new one in the place of whatever is there: of /dev/null, or of
the socket that a service listens on. So only a regular file is replaced.
"""

from __future__ import annotations

import os
import stat
from errno import EACCES, EBUSY, EPERM, EROFS

from ..kernel import files
from ..kernel.libc import SystemCallError
from ..kernel.sockets import is_inherited
from .paths import MOST_SYMLINKS
from .step import Refused

STREAMS = (stat.S_IFCHR, stat.S_IFIFO)
UNFIT = {stat.S_IFDIR: "a directory", stat.S_IFSOCK: "a socket", stat.S_IFBLK: "a block device"}

# No name can be made beside the file, or it is a mount itself. (EPERM of rename(2) means another user's, in /tmp.)
NO_REPLACING = (("open", EACCES), ("open", EPERM), ("open", EROFS), ("rename", EBUSY))


def write_named(path: str, content: bytes, mode: int) -> None:
    """Have `content` in the file, or in the stream, at `path`. Raises SystemCallError, Refused."""
    kind = kind_of(path)
    if kind == stat.S_IFLNK:
        os.write(own_descriptor(path), content)
    elif kind in STREAMS:
        write_there(path, content, STREAMS)
    elif kind in UNFIT:
        raise Refused(f"it is {UNFIT[kind]}", "name a file")
    else:
        replace(path, content, mode)


def kind_of(path: str) -> int:
    """S_IFREG …; 0 where nothing is."""
    try:
        return stat.S_IFMT(os.lstat(path).st_mode)
    except FileNotFoundError:
        return 0


def replace(path: str, content: bytes, mode: int) -> None:
    try:
        files.replace_file(path, content, mode)
    except SystemCallError as error:
        if (error.call, error.errno) not in NO_REPLACING or not kind_of(path):
            raise
        write_there(path, content, (stat.S_IFREG,))


def write_there(path: str, content: bytes, kinds: tuple[int, ...]) -> None:
    """Write to what is there, unless it has become something else meanwhile. A FIFO that nobody reads is an error
    (ENXIO), and no reason to wait."""
    flags = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    descriptor = files.open(path, flags)
    try:
        kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
        if kind not in kinds:
            raise Refused("somebody replaces it meanwhile", "name a file in a directory of your own")
        if kind == stat.S_IFREG:
            os.ftruncate(descriptor, 0)
        os.write(descriptor, content)
    finally:
        os.close(descriptor)


def open_to_append(path: str, mode: int) -> int:
    """A descriptor of the file, which is made when missing, or of the stream. Raises SystemCallError, Refused."""
    if kind_of(path) == stat.S_IFLNK:
        return os.dup(own_descriptor(path))
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    descriptor = files.open(path, flags, mode)
    os.set_blocking(descriptor, True)  # the flag was for the opening only
    return descriptor


def own_descriptor(path: str) -> int:
    """What /dev/stdout, /dev/fd/5 and /proc/self/fd/5 mean. Other symlinks are not followed: whoever made one would
    decide which of root's files is written to."""
    for _link in range(MOST_SYMLINKS):
        directory, name = os.path.split(path)
        if os.path.realpath(directory) == f"/proc/{os.getpid()}/fd" and is_inherited(int(name)):
            return int(name)
        path = os.path.join(directory, os.readlink(path)) if os.path.islink(path) else ""
    raise Refused("it is a symlink", "name the file itself")
