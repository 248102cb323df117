"""What a container has changed: its own directory of an overlay mount, beside the layers below (overlayfs.rst of the
kernel's documentation). A file there is new or changed, a 0:0 device stands for one that is gone, and what an opaque
directory does not have is gone, too.

The container may be running and change it meanwhile. So each directory is looked at by its descriptor, and the way back
to the one above is taken only where it leads there: from a directory that was moved it leads elsewhere, in the end to
the host's files.
"""

from __future__ import annotations

import errno
import os
import stat

from ..kernel import files
from ..kernel.libc import SystemCallError
from ..record import Record
from ..safe import safe
from ..spec.load import load
from .errors import ImageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..spec.config import IdMapping

ADDED, CHANGED, DELETED = "A", "C", "D"
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)  # or something else has its name
TO_PAUSE = "\n  cure:  minirun pause keeps it from that, until minirun resume"
MOST_BYTES_OF_PATH = 4095  # PATH_MAX less the NUL (linux/limits.h)


class Where(Record):
    """`lower` begins with the uppermost layer; ids are those of the container's user namespace, if it has one."""

    upper: str
    lower: tuple[str, ...]
    attribute: str  # how the names of overlayfs's own attributes begin
    uids: tuple[IdMapping, ...] = ()
    gids: tuple[IdMapping, ...] = ()


class Change(Record):
    """One name in the container's directory, whose descriptor is open as long as it is at hand."""

    kind: str
    path: str  # begins with /
    parent: int
    name: str
    status: os.stat_result
    is_opaque: bool = False


def changes_of(bundle: str) -> Where:
    """Raises ImageError for a bundle that was not made with --overlay."""
    config = load(bundle)
    first = next((mount for mount in config.mounts if mount.type == "overlay" and mount.destination == "/"), None)
    if first is None:
        raise ImageError(
            f"the bundle {bundle!r} has a root directory of its own, which does not tell what was there before\n"
            "  cure:  minirun bundle --overlay keeps the two apart"
        )
    told = dict(option.partition("=")[::2] for option in first.options)
    attribute = "user.overlay." if "userxattr" in told else "trusted.overlay."
    lower = tuple(told.get("lowerdir", "").replace("\\:", "\0").split(":"))
    paths = tuple(path.replace("\0", ":").replace("\\\\", "\\") for path in lower)
    return Where(told.get("upperdir", ""), paths, attribute, config.linux.uid_mappings, config.linux.gid_mappings)


def changes(where: Where) -> Iterator[tuple[str, str]]:
    """Kind and path of each, in the order of the paths."""
    found: list[tuple[str, str]] = []
    for change in walk(where):
        if change.path == "/":
            continue  # it is there in any case
        found.append((change.kind, change.path))
        if change.is_opaque:
            found += [(DELETED, path) for path in hidden(where, change)]
    yield from sorted(set(found), key=lambda one: one[1].split("/"))


class Level:
    """A directory on the way down: its inode, and which of its names are still to be looked at."""

    def __init__(self, opened: int) -> None:
        self.inode = inode_of(opened)
        self.left = sorted(os.listdir(opened), reverse=True)


def walk(where: Where) -> Iterator[Change]:
    """Directories before what is in them, the root directory first. Raises ImageError."""
    here, path = files.open(where.upper, DIRECTORY | os.O_CLOEXEC), ""
    try:
        yield Change(CHANGED, "/", here, ".", os.fstat(here))
        way = [Level(here)]
        while True:
            if way[-1].left:
                name = way[-1].left.pop()
                change = change_at(where, f"{path}/{name}", here, name)
                if change is None:
                    continue
                yield change
                below = open_below(here, change)
                if below is None:
                    continue
                here, path = instead_of(here, below), change.path
                way.append(Level(here))
            else:
                way.pop()
                if not way:
                    return
                path = path.rpartition("/")[0]
                here = instead_of(here, open_above(here, way[-1], path))
    finally:
        os.close(here)


def inode_of(opened: int) -> tuple[int, int]:
    status = os.fstat(opened)
    return (status.st_dev, status.st_ino)


def instead_of(here: int, opened: int) -> int:
    os.close(here)
    return opened


def open_below(here: int, change: Change) -> int | None:
    """None for what is no directory, or not any more. Raises ImageError."""
    if not stat.S_ISDIR(change.status.st_mode):
        return None
    check_path(change.path)
    try:
        return files.openat(here, change.name, DIRECTORY | os.O_CLOEXEC)
    except SystemCallError as error:
        if error.errno in GONE:
            return None
        raise


def open_above(here: int, above: Level, path: str) -> int:
    opened = files.openat(here, "..", DIRECTORY | os.O_CLOEXEC)
    if inode_of(opened) == above.inode:
        return opened
    os.close(opened)
    raise ImageError(
        f"the container moves directories while its changes are looked at, in {safe(path[:200]) or '/'!r}{TO_PAUSE}"
    )


def check_path(path: str) -> None:
    if len(os.fsencode(path)) > MOST_BYTES_OF_PATH:
        raise ImageError(
            f"the container has made directories deeper than a path is long, {MOST_BYTES_OF_PATH} bytes: "
            f"{safe(path[:100])}…\n  cure:  have it remove them: no layer could have them either"
        )


def change_at(where: Where, path: str, parent: int, name: str) -> Change | None:
    """None where it is gone by now."""
    try:
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if is_whiteout(status):
        return Change(DELETED, path, parent, name, status)
    kind = CHANGED if is_below(where, path) else ADDED
    is_directory = stat.S_ISDIR(status.st_mode)
    return Change(kind, path, parent, name, status, is_directory and is_opaque(where, parent, name))


def is_whiteout(status: os.stat_result) -> bool:
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def is_opaque(where: Where, parent: int, name: str) -> bool:
    try:
        opened = files.openat(parent, name, DIRECTORY | os.O_CLOEXEC)
    except SystemCallError as error:
        if error.errno in GONE:
            return False
        raise
    try:
        return os.getxattr(opened, f"{where.attribute}opaque") == b"y"
    except OSError:
        return False
    finally:
        os.close(opened)


def is_below(where: Where, path: str) -> bool:
    """Whether a lower layer shows something of this path."""
    for layer in where.lower:
        found = look(layer, where, path)
        if found is not None:
            return found
    return False


def look(layer: str, where: Where, path: str) -> bool | None:
    """Whether a layer shows it, or hides it (False); None where it has no say."""
    here = files.open(layer, DIRECTORY | os.O_CLOEXEC)
    hides: bool | None = None
    try:
        names = path.strip("/").split("/")
        for name in names[:-1]:
            status = os.stat(name, dir_fd=here, follow_symlinks=False)
            if not stat.S_ISDIR(status.st_mode):
                return False
            hides = False if is_opaque(where, here, name) else hides
            here, before = files.openat(here, name, DIRECTORY | os.O_CLOEXEC), here
            os.close(before)
        return not is_whiteout(os.stat(names[-1], dir_fd=here, follow_symlinks=False))
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
        return hides
    finally:
        os.close(here)


def hidden(where: Where, change: Change) -> list[str]:
    """What the layers below have in an opaque directory, and it has not."""
    found = set()
    own = set(names_in(files.by_descriptor(change.parent) + f"/{change.name}"))
    for layer in where.lower:
        names = {name for name in names_in(layer + change.path) if is_below(where, f"{change.path}/{name}")}
        found |= names - own
    return [f"{change.path}/{name}" for name in found]


def names_in(path: str) -> list[str]:
    """[] where there is no such directory."""
    try:
        opened = files.open(path, DIRECTORY | os.O_CLOEXEC)
    except SystemCallError:
        return []
    try:
        return os.listdir(opened)
    finally:
        os.close(opened)
