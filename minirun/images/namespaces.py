"""Work in a child with a mount namespace of its own, so that what it mounts goes with it; and, for who is not root,
with a user namespace in which it is root: there, files can belong to as many users as the caller may map (subuid(5)).
"""

from __future__ import annotations

import os
import pwd

from .. import quick_json
from ..errors import MinirunError
from ..kernel import files, mounts, namespaces, processes, programs
from ..kernel.constants import CLONE_NEWNS, CLONE_NEWUSER, MS_PRIVATE, MS_REC
from .errors import ImageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Range = tuple[int, int, int]  # id inside, id outside, how many
    Work = Callable[[], dict[str, Any]]

UNSHARED, GO = b"unshared\n", b"go"  # what the two say to each other
HELPERS = {"uid": "newuidmap", "gid": "newgidmap"}


def id_ranges(kind: str) -> tuple[Range, ...]:
    """What a user can map: the own id as root's, and above that what /etc/subuid or /etc/subgid grants, if there is a
    helper that may."""
    own = os.geteuid() if kind == "uid" else os.getegid()
    granted = granted_range(f"/etc/sub{kind}") if programs.find(HELPERS[kind]) else None
    return ((0, own, 1), *([(1, *granted)] if granted else []))


def granted_range(file: str) -> tuple[int, int] | None:
    try:
        names = (pwd.getpwuid(os.geteuid()).pw_name, str(os.geteuid()))
        with open(file) as lines:
            split = [line.strip().split(":") for line in lines]
    except (OSError, KeyError):
        return None
    found = [(int(first), int(count)) for name, first, count in filter(is_range, split) if name in names]
    return max(found, key=lambda one: one[1], default=None)


def is_range(parts: list[str]) -> bool:
    return len(parts) == 3 and parts[1].isdigit() and parts[2].isdigit() and int(parts[2]) > 0


def both_ranges() -> dict[str, tuple[Range, ...]]:
    """Of users and of groups: with all that is granted, or with the own ids only, so that both are alike."""
    found = {kind: id_ranges(kind) for kind in HELPERS}
    if min(map(len, found.values())) == 1:
        return {kind: ranges[:1] for kind, ranges in found.items()}
    return found


def apart(work: Work, ranges: dict[str, tuple[Range, ...]] | None) -> dict[str, Any]:
    """What `work` returns, which goes through JSON. With `ranges`, in a user namespace. Raises ImageError."""
    told, tell = os.pipe()
    ready, go = os.pipe()
    child = processes.fork()
    if child == 0:
        in_child(work, ranges is not None, tell, ready)
    os.close(tell)
    os.close(ready)
    try:
        with os.fdopen(told, "rb") as said:
            first = said.readline() if ranges else b""
            if ranges and first == UNSHARED:
                map_ids(child, ranges)
                os.write(go, GO)
                first = b""
            return answer_of(first + said.read())
    finally:
        os.close(go)
        os.waitpid(child, 0)


def in_child(work: Work, is_user: bool, tell: int, ready: int) -> None:
    """Never returns."""
    said: dict[str, Any] = {}
    try:
        if is_user:
            namespaces.unshare(CLONE_NEWUSER | CLONE_NEWNS)
            os.write(tell, UNSHARED)
            if os.read(ready, len(GO)) != GO:
                os._exit(1)
            processes.setresgid(0)
            processes.setresuid(0)
        else:
            namespaces.unshare(CLONE_NEWNS)
        mounts.mount(None, "/", None, MS_REC | MS_PRIVATE, None)
        said = {"done": work()}
    except MinirunError as error:
        said = {"error": str(error)}
    except BaseException as error:
        from ..errors import unexpected

        said = {"error": unexpected(error) if isinstance(error, Exception) else "it was interrupted"}
    with os.fdopen(tell, "wb") as file:
        file.write(quick_json.dumps(said).encode())
    os._exit(0)


def map_ids(child: int, ranges: dict[str, tuple[Range, ...]]) -> None:
    """Raises ImageError."""
    for kind, lines in ranges.items():
        if len(lines) == 1:
            if kind == "gid":
                files.write_file(f"/proc/{child}/setgroups", "deny")
            files.write_file(f"/proc/{child}/{kind}_map", "{} {} {}\n".format(*lines[0]))
            continue
        program = programs.find(HELPERS[kind])
        assert program is not None  # id_ranges has seen it
        status, message = programs.run_program(program, (str(child), *(str(one) for line in lines for one in line)))
        if status:
            raise ImageError(f"{HELPERS[kind]} refuses to map your {kind}s: {message}")


def answer_of(text: bytes) -> dict[str, Any]:
    if not text:
        raise ImageError("the process that unpacked the image was killed\n  cure:  dmesg says whether memory ran out")
    said: dict[str, Any] = quick_json.loads(text.decode())
    if "error" in said:
        raise ImageError(said["error"])
    done: dict[str, Any] = said["done"]
    return done
