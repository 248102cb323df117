"""One layer onto the root directory below it (image-spec, layer.md): what it brings is made, what it takes away goes.

`.wh.NAME` takes NAME away, and `.wh..wh..opq` all that the layers below have in its directory.
"""

from __future__ import annotations

import errno
import os
import stat

from ..errors import reason
from ..kernel import files
from ..record import Record
from ..safe import safe
from .attributes import REFUSALS, Notes, give_attributes
from .errors import ImageError
from .removal import empty_directory
from .tar_entries import BLOCK, CHARACTER, DIRECTORY, FIFO, FILE, HARD_LINK, SYMLINK, names_of, tar_entries

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .streams import Tap
    from .tar_entries import Entry
    from .tree import Tree

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
OF_AUFS = ".wh..wh."  # whose own files these are; no layer means them
PIECE = 1 << 18  # bytes of a file that are in memory at once
ZEROS = bytes(PIECE)
TYPES = {CHARACTER: stat.S_IFCHR, BLOCK: stat.S_IFBLK, FIFO: stat.S_IFIFO}

ENTRY_CURES = {
    errno.ENAMETOOLONG: "a name has at most 255 bytes, and a path 4095",
    errno.ENOTDIR: "the layer wants it below something that is no directory",
    errno.ELOOP: "symlinks on the way lead in a circle",
    errno.ENOENT: "the layer means something that it does not have, and none below",
    errno.EFBIG: "a file system has its limit of a file's size, a user too: ulimit -f",
    errno.ENOSPC: "the file system is full: df, df -i",
    errno.EDQUOT: "a quota is used up: quota(1)",
    errno.EINVAL: "the layer wants something that this file system does not have, or in the place of something else",
    errno.EPERM: "this takes more rights than the caller has here",
    errno.EACCES: "a directory on the way can't be searched, or written to",
}


class Changed(Record):
    """What a layer has done."""

    added: int = 0
    removed: int = 0
    size: int = 0  # bytes of files, without holes


def apply_layer(tree: Tree, tap: Tap, notes: Notes) -> Changed:
    """Raises ImageError; what is made by then stays."""
    tree.begin_layer()
    added = removed = size = 0
    for entry in tar_entries(tap):
        try:
            if entry.name.startswith(WHITEOUT):
                removed += take_away(tree, entry)
            else:
                put_entry(tree, tap, entry, notes)
                added += 1
                size += sum(length for _, length in entry.pieces)
        except OSError as error:
            raise not_unpacked(entry, error) from None
    tree.set_times()
    return Changed(added, removed, size)


def not_unpacked(entry: Entry, error: OSError) -> ImageError:
    cure = ENTRY_CURES.get(error.errno or 0, "")
    return ImageError(
        f"can't unpack the {entry.kind} {safe(entry.path[:200])!r}: {reason(error)}"
        + (f"\n  cure:  {cure}" * bool(cure))
    )


# ---- what it takes away


def take_away(tree: Tree, entry: Entry) -> int:
    """How many files are gone. What the same layer has brought stays: it is only about those below."""
    name = entry.name.removeprefix(WHITEOUT)
    if entry.name.startswith(OF_AUFS) and entry.name != OPAQUE:
        return 0
    if name in ("", ".", ".."):
        raise ImageError(f"a layer takes away {safe(entry.path[:200])!r}, which is no file's name")
    try:
        parent, path = tree.parent(entry.names, make=False)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return 0  # nothing below has it
        raise
    if entry.name == OPAQUE:
        return empty_directory(parent, ".", path, tree.touched)
    return tree.remove(parent, name, f"{path}/{name}", keep_touched=True)


# ---- what it brings


def put_entry(tree: Tree, tap: Tap, entry: Entry, notes: Notes) -> None:
    if not entry.names:
        return put_root(tree, entry, notes)
    parent, path = tree.parent(entry.names)
    path = f"{path}/{entry.name}"
    make_room(tree, parent, entry, path)
    place = MAKERS[entry.kind](tree, tap, entry, parent, notes)
    tree.touch(path)
    if place is not None:
        try:
            give_attributes(place, entry, notes)
        finally:
            os.close(place)
    if entry.kind == DIRECTORY:
        tree.set_time(path, entry.mtime)
    return None


def put_root(tree: Tree, entry: Entry, notes: Notes) -> None:
    if entry.kind != DIRECTORY:
        raise ImageError(f"a layer wants a {entry.kind} in the place of the root directory")
    give_attributes(tree.root, entry, notes)
    tree.set_time(tree.path, entry.mtime)


def make_room(tree: Tree, parent: int, entry: Entry, path: str) -> None:
    """What is in the way goes, but for a directory where there is to be one."""
    try:
        status = os.stat(entry.name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return
    if not (entry.kind == DIRECTORY and stat.S_ISDIR(status.st_mode)) and not is_link_to_itself(tree, entry, path):
        tree.remove(parent, entry.name, path, keep_touched=False)


def is_link_to_itself(tree: Tree, entry: Entry, path: str) -> bool:
    return entry.kind == HARD_LINK and f"{tree.path}/{entry.link.strip('/')}" == path


def make_directory_entry(_tree: Tree, _tap: Tap, entry: Entry, parent: int, _notes: Notes) -> int:
    try:
        files.mkdirat(parent, entry.name, 0o700)
    except OSError as error:
        if error.errno != errno.EEXIST:
            raise
    return held(parent, entry.name)


def held(parent: int, name: str) -> int:
    return files.openat(parent, name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)


def make_file_entry(_tree: Tree, tap: Tap, entry: Entry, parent: int, _notes: Notes) -> int:
    made = files.openat(parent, entry.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        write_pieces(made, tap, entry)
    except BaseException:
        os.close(made)
        raise
    return made


def write_pieces(made: int, tap: Tap, entry: Entry) -> None:
    """Holes stay holes, and what is all zeros becomes one: a gigabyte of nothing costs nothing."""
    for start, length in entry.pieces:
        end = start + length
        while start < end:
            data = tap.read(min(PIECE, end - start))
            if not data:
                raise ImageError(f"a layer's tar file ends within {safe(entry.path[:200])!r}")
            if data != ZEROS[: len(data)]:
                write_at(made, data, start)
            start += len(data)
    os.ftruncate(made, entry.size)


def write_at(made: int, data: bytes, place: int) -> None:
    while data:
        written = os.pwrite(made, data, place)
        data, place = data[written:], place + written


def make_symlink_entry(_tree: Tree, _tap: Tap, entry: Entry, parent: int, _notes: Notes) -> int:
    files.symlinkat(entry.link, parent, entry.name)
    return held(parent, entry.name)


def make_hard_link(tree: Tree, _tap: Tap, entry: Entry, parent: int, _notes: Notes) -> None:
    """To a file of the image: its path begins at the same root as all others."""
    names = names_of(entry.link)
    if not names:
        raise ImageError(f"a layer has a hard link {safe(entry.path[:200])!r} to the root directory")
    source = tree.directory("/".join(names[:-1]), make=False)
    try:
        if names != entry.names:
            os.link(names[-1], entry.name, src_dir_fd=source, dst_dir_fd=parent, follow_symlinks=False)
    finally:
        os.close(source)


def make_node_entry(_tree: Tree, _tap: Tap, entry: Entry, parent: int, notes: Notes) -> int | None:
    device = os.makedev(*entry.device) if entry.kind != FIFO else 0
    if entry.kind == CHARACTER and device == 0:
        notes.add("devices 0:0, overlayfs's word for a file that is gone, left out", entry.path)
        return None
    try:
        files.mknodat(parent, entry.name, TYPES[entry.kind] | 0o600, device)
    except OSError as error:
        if error.errno not in REFUSALS or entry.kind == FIFO:
            raise
        notes.add("devices, which only root can make, left out", entry.path)
        return None
    return held(parent, entry.name)


MAKERS = {
    DIRECTORY: make_directory_entry,
    FILE: make_file_entry,
    SYMLINK: make_symlink_entry,
    HARD_LINK: make_hard_link,
    CHARACTER: make_node_entry,
    BLOCK: make_node_entry,
    FIFO: make_node_entry,
}
