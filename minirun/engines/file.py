"""Other programs' files: read, replaced as a whole, with the owner and rights that they have."""

from __future__ import annotations

import errno
import os
import stat

from ..errors import CURE, SHORTAGES, StateError, reason
from ..kernel import files

LARGEST = 1 << 20  # bytes; a configuration that people write has some thousand
FOR_ALL_TO_READ, FOR_ALL_TO_ENTER = 0o644, 0o755

CURES = {
    errno.ELOOP: "it is a symbolic link, so somebody else keeps it: --file names the file that it leads to",
    errno.EINVAL: "it is no regular file: --file names another",
    errno.EFBIG: "it is larger than any configuration: --file names another",
    errno.EACCES: "it is not yours to change: sudo; or, if it is yours, chmod u+w",
    errno.EPERM: "it is not yours to change: sudo; or it is marked as not to be changed: lsattr",
    errno.EROFS: "this system is not changed by its files: it has another place to say what /etc is to be",
    errno.ENOTDIR: "something is in a directory's place",
}


def read(path: str) -> str | None:
    """None where it is not there. Raises StateError."""
    try:
        return files.read_regular(path, LARGEST).decode()
    except UnicodeDecodeError as error:
        raise StateError(f"can't read {path!r}: it is no text: {error}") from None
    except OSError as error:
        if error.errno == errno.ENOENT:
            return None
        raise refused("read", path, error) from None


def replace(path: str, text: str) -> None:
    """All of it, or it stays as it was. Raises StateError."""
    try:
        make_directory(os.path.dirname(path))
        write(path, text.encode())
    except OSError as error:
        raise refused("write", path, error) from None


def remove(path: str) -> None:
    """Raises StateError."""
    try:
        os.unlink(path)
    except OSError as error:
        raise refused("remove", path, error) from None


def refused(what: str, path: str, error: OSError) -> StateError:
    number = error.errno or 0
    cure = CURES.get(number) or SHORTAGES.get(number, "")
    return StateError(f"can't {what} {path!r}: {reason(error)}" + (f"{CURE}{cure}" if cure else ""))


def make_directory(path: str) -> None:
    """With those above it, for all to enter, whatever the caller's umask: users' engines read there as well."""
    if os.path.isdir(path):
        return
    make_directory(os.path.dirname(path))
    os.mkdir(path)
    os.chmod(path, FOR_ALL_TO_ENTER)


def write(path: str, content: bytes) -> None:
    """Whoever reads it meanwhile sees the old one or the new one (rename(2))."""
    old = files.open_regular(path, os.O_RDWR) if os.path.lexists(path) else None  # EACCES, EROFS: before anything
    draft = f"{path}.{os.getpid()}"
    try:
        files.create_file(draft, content, 0o600, lambda new: take_over(new, old))
        os.rename(draft, path)
    except BaseException as error:  # Ctrl-C, too
        if getattr(error, "errno", 0) != errno.EEXIST and os.path.lexists(draft):
            os.unlink(draft)
        raise
    finally:
        if old is not None:
            os.close(old)


def take_over(new: int, old: int | None) -> None:
    """Owner, rights, and what else a security module or an access list has to say. All of it by descriptors: in a
    directory of somebody else's, the draft's name may have become a symlink to a file of root's."""
    if old is None:
        os.fchmod(new, FOR_ALL_TO_READ)
        return
    found = os.fstat(old)
    if (found.st_uid, found.st_gid) != (os.geteuid(), os.getegid()):
        os.fchown(new, found.st_uid, found.st_gid)
    os.fchmod(new, stat.S_IMODE(found.st_mode))
    for name in os.listxattr(old):
        os.setxattr(new, name, os.getxattr(old, name))
