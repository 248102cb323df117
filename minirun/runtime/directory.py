"""A container's directory below the state directory, before anything in it is believed.

--root may name any directory. What lies there need not be minirun's: other runtimes keep their books in the same way,
and people their files. Who can write there may have put a file in the place of another that never ends. So nothing is
removed, made or waited for in a directory until it is known to be a container's.
"""

from __future__ import annotations

import os
import stat
from errno import EACCES, EFBIG, EINVAL, EISDIR, ELOOP, ENOENT, ENOTDIR, ENXIO, EPERM, EROFS

from .. import quick_json
from ..errors import CURE, SHORTAGES, StateError, reason
from ..kernel import files
from ..safe import safe
from ..steps.layout import CONFIG, LIFE, LOCK, START_SOCKET, STATE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LARGEST = 1 << 24  # bytes of a state.json: it has the annotations of config.json, and little else


def ids(root: str) -> list[str]:
    """The ids of all containers. Raises StateError."""
    try:
        return sorted(os.listdir(root))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError:
        raise closed(root) from None


def read_state(root: str, name: str, owner: int | None = None) -> dict[str, Any]:
    """What minirun has written into state.json, of `owner` alone. Raises StateError."""
    facts = read_json(root, name, owner)
    if not isinstance(facts, dict) or "complete" not in facts:  # runc's files have the same name
        raise foreign(f"{root}/{name}", "another runtime keeps its books there")
    return facts


def read_json(root: str, name: str, owner: int | None) -> object:
    check(root, name)
    place = f"{root}/{name}"
    try:
        return quick_json.loads(files.read_regular(f"{place}/{STATE}", LARGEST, owner))
    except OSError as error:
        if error.errno in NO_SUCH or error.errno in NOT_ALLOWED or error.errno in SHORTAGES:
            raise unreadable(root, name, error) from None
        what = f"has more than {LARGEST} bytes" if error.errno == EFBIG else "is no regular file"
        raise damaged(place, f"{STATE} {what}") from None
    except RecursionError:
        raise damaged(place, f"{STATE} is nested too deeply") from None
    except ValueError as error:
        raise damaged(place, f"{STATE} is no JSON ({error})") from None


def is_locked(directory: str) -> bool:
    """Whether a `create` is at work, or a `delete`."""
    from ..kernel import locks  # of most containers, it is known that none is

    try:
        descriptor = locks.open(f"{directory}/{LOCK}")
    except OSError as error:
        return error.errno != ENOENT
    try:
        return locks.holder(descriptor, LIFE) is not None
    finally:
        os.close(descriptor)


# ---- whether it is a container's at all


def check(root: str, name: str) -> None:
    """Raises StateError: there is nothing of this name, or something that is no directory."""
    place = f"{root}/{name}"
    try:
        mode = os.lstat(place).st_mode
    except OSError as error:
        raise unreadable(root, name, error) from None
    if not stat.S_ISDIR(mode):
        raise foreign(place, f"it is {'a symlink' if stat.S_ISLNK(mode) else 'a file'}")


def what_is_not_minirun_s(directory: str) -> str:
    """The name of something in there that minirun does not make, or not before the lock; "" if there is none. A
    directory without state.json and with nothing else is what a `create` leaves that was killed."""
    with os.scandir(directory) as found:
        entries = list(found)
    others = [entry.name for entry in entries if not is_minirun_s(entry)]
    names = [entry.name for entry in entries]
    return min(others or ([] if LOCK in names else names), default="")


def is_minirun_s(entry: os.DirEntry[str]) -> bool:
    mode = entry.stat(follow_symlinks=False).st_mode
    if entry.name == START_SOCKET:
        return stat.S_ISSOCK(mode)
    name = entry.name
    if name.startswith("."):  # one of those, half written: kernel/files.py, replace_file
        name, _, pid = name[1:].rpartition(".")
        name = name if pid.isdigit() else ""
    return stat.S_ISREG(mode) and name in (LOCK, CONFIG, STATE)


def refuse_others(root: str, name: str) -> None:
    """The books say which files to remove and write, which processes to kill and what to run (hooks). Whoever wrote
    them could so have root do anything; root's own are closed to others. Raises StateError."""
    place = f"{root}/{name}"
    try:
        owner = os.lstat(place).st_uid  # not of what a symlink may lead to
    except OSError:
        return  # there is nothing to go by
    if os.geteuid() == 0 and owner != 0:
        raise StateError(
            f"the container {name} is user {owner}'s, who may have written anything for root to do: see {safe(place)}\n"
            f"  cure:  as that user: sudo -u '#{owner}' minirun --root {safe(root)} …"
        )


def trusted_owner() -> int | None:
    """Whose books are done by: root's own, and with a user's rights anybody's. It is the open file that has to be asked
    whose it is, since a name may lead to another one at the next look."""
    return 0 if os.geteuid() == 0 else None


# ---- errors

NO_SUCH, NOT_ALLOWED, NO_LOCK = (ENOENT, ENOTDIR), (EACCES, EPERM), (EINVAL, EISDIR, ELOOP, ENXIO)
CURES = {**SHORTAGES, EROFS: "mount its file system for writing: mount -o remount,rw"}


def unreadable(root: str, name: str, error: OSError) -> StateError:
    if error.errno in NOT_ALLOWED:
        return closed(f"{root}/{name}")
    if error.errno in NO_SUCH:
        return unknown(root, name)
    place = f"{root}/{name}"
    if error.errno in NO_LOCK:
        return foreign(place, f"its {LOCK} is no regular file")
    cure = CURES.get(error.errno or 0, "see its file system")
    return StateError(f"can't use {safe(place)}: {reason(error)}{CURE}{cure}")


def closed(place: str) -> StateError:
    return StateError(
        f"can't look into {safe(place)}: it belongs to another user\n"
        "  cure:  sudo, or --root DIR; without it minirun looks at your own containers"
    )


def unknown(root: str, name: str) -> StateError:
    if os.path.lexists(f"{root}/{name}"):
        return unfinished(root, name)
    import difflib  # after a mistake there is time

    close = difflib.get_close_matches(name, ids(root), n=1)
    meant = f"did you mean {safe(close[0])}? " if close else ""
    return StateError(f"container does not exist: {name}\n  cure:  {meant}minirun list names those that do")


def unfinished(root: str, name: str) -> StateError:
    """There is a directory, and no state.json in it."""
    place = f"{root}/{name}"
    try:
        other = what_is_not_minirun_s(place)
    except OSError as error:
        return closed(place) if error.errno in NOT_ALLOWED else StateError(f"can't read {safe(place)}: {reason(error)}")
    if other:
        return foreign(place, f"{other!r} is in it, and no {STATE}")
    return StateError(
        f"container {name} is not created yet\n  cure:  if that has been given up, minirun delete --force {name}"
    )


def foreign(place: str, why: str) -> StateError:
    return StateError(
        f"{safe(place)} is no container of minirun's: {safe(why)}\n  cure:  --root DIR names another state directory; "
        "whether it may be removed, who made it knows"
    )


def damaged(directory: str, what: str) -> StateError:
    """Without its books nothing can be told, or taken back, of a container: minirun would have to guess what is its."""
    name = os.path.basename(directory)
    return StateError(
        f"the books of container {name} are damaged: {safe(directory)}: {safe(what)}\n"
        f"  cure:  by hand: echo 1 > cgroup.kill in its cgroup, by default minirun/{name}, and rmdir that; "
        f"then rm -r {safe(directory)}"
    )
