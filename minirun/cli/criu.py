"""What the command line says about checkpoints -> what CRIU is told."""

from __future__ import annotations

import os

from ..errors import StateError
from ..steps.criu import Wishes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


def wishes(values: Mapping[str, Any], images: str, work: str) -> Wishes:
    """Both paths are absolute. Raises StateError."""
    check_parent(values.get("parent_path") or "")
    check_server(values.get("page_server") or "")
    given = {name: values[name] for name in Wishes.fields if values.get(name) is not None}
    paths = {"image_path": images, "work_path": work}
    return Wishes(**{**given, **paths, "status_fd": descriptor(values.get("status_fd") or "-1")})


def descriptor(word: str) -> int:
    """-1, as others have it, for none."""
    if word == "-1":
        return -1
    if not (word.isascii() and word.isdigit() and os.path.exists(f"/proc/self/fd/{word[:9]}")):
        raise StateError(f"--status-fd {word!r}\n  allowed: the number of an open file that minirun has inherited")
    return int(word)


def check_parent(path: str) -> None:
    if path.startswith("/"):
        raise StateError(
            f"--parent-path {path!r} is absolute\n  allowed: the path from --image-path to it, such as ../before: "
            "the images hold a link to it, and may be moved together"
        )


def check_server(place: str) -> None:
    host, _, port = place.rpartition(":")
    if place and not (host and port.isascii() and port.isdigit() and int(port) < 2**16):
        raise StateError(f"--page-server {place!r}\n  allowed: HOST:PORT, of a criu page-server")
