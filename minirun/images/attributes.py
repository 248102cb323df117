"""Whose a file is, what may be done with it, what else is noted about it, and when it was changed; in this order, for
a change of owner takes the set-user-id bit away, and with it a file's capabilities (chown(2), capabilities(7))."""

from __future__ import annotations

import errno
import os

from ..kernel import files
from .tar_entries import SYMLINK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .tar_entries import Entry

# Names that a layer has no say about, and why.
FOREIGN = {
    "trusted.overlay.": "it would tell overlayfs to show other files",
    "user.overlay.": "it would tell overlayfs to show other files",
    "security.SMACK64": "labels are this host's policy's",
    "security.apparmor": "labels are this host's policy's",
    "security.selinux": "labels are this host's policy's",
    "security.ima": "it is signed for another host",
    "security.evm": "it is signed for another host",
}
# What a user can't do, or a file system does not have: told, and not the end.
REFUSALS = (errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EINVAL)


class Notes:
    """What could not be made as the layers have it: a kind of it, with a few words -> how often, and where first."""

    def __init__(self) -> None:
        self.found: dict[str, tuple[int, str]] = {}

    def add(self, what: str, path: str) -> None:
        count, first = self.found.get(what, (0, path))
        self.found[what] = (count + 1, first)

    def lines(self) -> list[str]:
        return [f"{what}: {count} of them, the first is /{first}" for what, (count, first) in self.found.items()]


def give_attributes(place: int, entry: Entry, notes: Notes) -> None:
    """To the file that `place` holds, which is open or only found (O_PATH)."""
    path = files.by_descriptor(place)
    give_owner(place, entry, notes)
    if entry.kind != SYMLINK:
        os.chmod(path, entry.mode)
    give_xattrs(path, entry, notes)
    os.utime(path, ns=(entry.mtime, entry.mtime), follow_symlinks=True)


def give_owner(place: int, entry: Entry, notes: Notes) -> None:
    try:
        os.chown(files.by_descriptor(place), entry.uid, entry.gid)
    except OSError as error:
        if error.errno not in REFUSALS:
            raise
        notes.add("owners that a user can't give away, so the files are yours", entry.path)


def give_xattrs(path: str, entry: Entry, notes: Notes) -> None:
    """Those of the layer, and no others that were there before."""
    for name in set(os.listxattr(path)) - entry.xattrs.keys():
        if foreign(name) is None:
            os.removexattr(path, name)
    for name, value in entry.xattrs.items():
        why = foreign(name)
        if why is not None:
            notes.add(f"extended attributes {name}, left out since {why}", entry.path)
        else:
            give_xattr(path, name, value, entry, notes)


def foreign(name: str) -> str | None:
    return next((why for start, why in FOREIGN.items() if name.startswith(start)), None)


def give_xattr(path: str, name: str, value: bytes, entry: Entry, notes: Notes) -> None:
    try:
        os.setxattr(path, name, value)
    except OSError as error:
        if error.errno not in REFUSALS:
            raise
        notes.add(f"extended attributes {name} that can't be had here", entry.path)
