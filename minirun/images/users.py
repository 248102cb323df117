"""The user of an image's configuration, in numbers (image-spec, "Config.User"): names are those of the
image's own /etc/passwd and /etc/group, passwd(5) and group(5)."""

from __future__ import annotations

import os
import stat

from ..kernel import files
from ..kernel.libc import SystemCallError
from ..safe import safe
from .errors import ImageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MOST_BYTES_OF_TABLE = 16 << 20
LAST_ID = (1 << 32) - 2


def resolved_user(root: int, word: str) -> dict[str, Any]:
    """process.user for "user", "uid", "user:group", "uid:gid" and so on; `root` holds the image's root directory.
    Raises ImageError."""
    user, colon, group = word.partition(":")
    users, groups = table(root, "etc/passwd", 4), table(root, "etc/group", 3)
    account = next((line for line in users if user in (line[0], line[2])), None)
    uid = number(user) if number(user) is not None else number(account[2]) if account else None
    if uid is None:
        raise unknown("user", user, "etc/passwd")
    if colon:
        return {"uid": uid, "gid": group_number(group, groups)}
    gid = number(account[3]) if account else None
    made: dict[str, Any] = {"uid": uid, "gid": gid or 0}
    others = [] if number(user) is not None else memberships(user, groups, made["gid"])
    return made | ({"additionalGids": others} if others else {})


def group_number(group: str, groups: list[list[str]]) -> int:
    found = number(group)
    if found is None:
        found = next((number(line[2]) for line in groups if line[0] == group), None)
    if found is None:
        raise unknown("group", group, "etc/group")
    return found


def memberships(user: str, groups: list[list[str]], own: int) -> list[int]:
    listed = [number(line[2]) for line in groups if line[3:] and user in line[3].split(",")]
    return sorted({gid for gid in listed if gid is not None and gid != own})


def number(word: str) -> int | None:
    is_number = word.isascii() and word.isdigit() and len(word) <= 10 and int(word) <= LAST_ID
    return int(word) if is_number else None


def unknown(kind: str, name: str, file: str) -> ImageError:
    return ImageError(
        f"the image is to run as {kind} {safe(name)!r}, and its /{file} has none that is called so\n"
        "  cure:  the image's author has to say it in numbers, or put the name in there"
    )


def table(root: int, path: str, columns: int) -> list[list[str]]:
    """The lines of a file of the image's, in columns; [] where there is none that can be read."""
    lines = text_inside(root, path).decode(errors="replace").split("\n")
    split = [line.split(":") for line in lines]
    return [line for line in split if len(line) >= columns]


def text_inside(root: int, path: str) -> bytes:
    """b"" for what is not there, or no regular file: to open a device may do something, and a FIFO waits."""
    try:
        place = files.open_in_root(root, path, os.O_PATH)
    except SystemCallError:
        return b""
    try:
        if not stat.S_ISREG(os.fstat(place).st_mode):
            return b""
        with open(files.by_descriptor(place), "rb") as file:
            return file.read(MOST_BYTES_OF_TABLE)
    finally:
        os.close(place)
