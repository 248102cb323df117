"""The changes of a container as a layer (image-spec, layer.md): what is new or changed as it is, `.wh.NAME` for what is
gone, `.wh..wh..opq` in a directory that shows nothing of those below."""

from __future__ import annotations

import hashlib
import os
import stat
import tarfile

from ..errors import reason
from ..kernel import files
from ..safe import safe
from .changes import DELETED, TO_PAUSE, walk
from .errors import ImageError
from .layer import OPAQUE, WHITEOUT
from .tar_entries import XATTR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

    from ..spec.config import IdMapping
    from .changes import Change, Where

TYPES = {
    stat.S_IFREG: tarfile.REGTYPE,
    stat.S_IFDIR: tarfile.DIRTYPE,
    stat.S_IFLNK: tarfile.SYMTYPE,
    stat.S_IFCHR: tarfile.CHRTYPE,
    stat.S_IFBLK: tarfile.BLKTYPE,
    stat.S_IFIFO: tarfile.FIFOTYPE,
}  # a socket has no place in a layer


def write_layer(where: Where, path: str) -> str:
    """The file appears complete, or not at all; the layer's digest. Raises ImageError."""
    draft = f"{path}.{os.getpid()}"
    try:
        with open(draft, "xb") as file:
            write_entries(where, file)
        os.replace(draft, path)
    except OSError as error:
        raise ImageError(f"can't write {path!r}: {reason(error)}") from None
    finally:
        if os.path.lexists(draft):
            os.unlink(draft)
    with open(path, "rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def write_entries(where: Where, file: IO[bytes]) -> None:
    first_names: dict[tuple[int, int], str] = {}  # of files with several: device and inode -> the name in the layer
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT, errors="surrogateescape") as archive:
        for change in walk(where):
            if change.kind == DELETED:
                archive.addfile(bare_entry(gone(change)))
            else:
                add_change(archive, where, change, first_names)
                if change.is_opaque:
                    archive.addfile(bare_entry(f"{change.path[1:]}/{OPAQUE}"))


def gone(change: Change) -> str:
    directory = change.path[1:].rpartition("/")[0]
    return f"{directory}/{WHITEOUT}{change.name}".lstrip("/")


def bare_entry(name: str) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.mode = 0o600
    return made


def add_change(archive: tarfile.TarFile, where: Where, change: Change, first_names: dict[tuple[int, int], str]) -> None:
    made, status = entry_for(where, change), change.status
    if made is None:
        return
    inode = (status.st_dev, status.st_ino)
    first = first_names.setdefault(inode, made.name)
    if first != made.name and not made.isdir():
        made.type, made.linkname, made.size = tarfile.LNKTYPE, first, 0
        made.pax_headers = {}
    if not made.isreg():
        archive.addfile(made)
        return
    with os.fdopen(open_regular(change), "rb") as file:
        archive.addfile(made, file)


def open_regular(change: Change) -> int:
    """Looked at once more: the container may have a FIFO in its place by now, on which open(2) would wait, or a device.
    Raises ImageError."""
    place = files.openat(change.parent, change.name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(place).st_mode):
            raise ImageError(f"the container exchanges {safe(change.path[:200])!r} while it is written{TO_PAUSE}")
        return files.open(files.by_descriptor(place), os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(place)


def entry_for(where: Where, change: Change) -> tarfile.TarInfo | None:
    status = change.status
    kind = TYPES.get(stat.S_IFMT(status.st_mode))
    if kind is None:
        return None
    made = tarfile.TarInfo(change.path[1:] or "./")
    made.type, made.mode = kind, stat.S_IMODE(status.st_mode)
    made.uid, made.gid = inside(status.st_uid, where.uids), inside(status.st_gid, where.gids)
    made.size = status.st_size if kind == tarfile.REGTYPE else 0
    made.devmajor, made.devminor = os.major(status.st_rdev), os.minor(status.st_rdev)
    if kind == tarfile.SYMTYPE:
        made.linkname = os.readlink(change.name, dir_fd=change.parent)
    made.mtime = status.st_mtime_ns // 10**9
    made.pax_headers = {"mtime": f"{status.st_mtime_ns // 10**9}.{status.st_mtime_ns % 10**9:09}"}
    made.pax_headers |= xattr_headers(change)
    return made


def inside(number: int, mappings: tuple[IdMapping, ...]) -> int:
    """The id in the container that is this one outside."""
    for one in mappings:
        if 0 <= number - one.host_id < one.size:
            return one.container_id + number - one.host_id
    return number


def xattr_headers(change: Change) -> dict[str, str]:
    place = files.openat(change.parent, change.name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        path = files.by_descriptor(place)
        names = [name for name in os.listxattr(path) if ".overlay." not in name]
        return {XATTR + name: os.getxattr(path, name).decode(errors="surrogateescape") for name in names}
    except OSError:
        return {}
    finally:
        os.close(place)
