"""A student's work on one lab: the directory that it is done in, and what is written down about it.

    /srv/labs/07/             the directory; of a user without root ~/minirun-labs/07, or $MINIRUN_LABS/07
    /srv/labs/.books/07.json  answers, goals that were seen reached, what `start` has made
    /srv/labs/.marks.json     the best score of each lab, which stays when the lab is reset

All that a student makes elsewhere has a name that begins with lab07, so that sweep.py finds it.
"""

from __future__ import annotations

import json
import os
import secrets
from time import time

from ..errors import StateError, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Json = dict[str, Any]

ROOTS, USERS = "/srv/labs", "~/minirun-labs"
EMPTY: Json = {"started": 0.0, "runtime": "minirun", "answers": {}, "reached": {}, "tips": {}, "kept": {}}
EMPTY |= {"namespaces": {}}
WORDS = ("answers", "kept")  # the values in the others are numbers


def place() -> str:
    """Where all labs of this user are; as the kernel calls it, for /proc does: /srv may be a symlink to /var/srv."""
    default = ROOTS if os.geteuid() == 0 else os.path.expanduser(USERS)
    return os.path.realpath(os.environ.get("MINIRUN_LABS") or default)


class Desk:
    """What checks may ask of it is in its attributes; `note` writes down what has changed."""

    def __init__(self, number: str, forgiving: bool = False) -> None:
        """`forgiving` takes damaged books for empty ones. Else raises StateError."""
        self.number = number
        self.prefix = f"lab{number}"  # of all names outside of the directory
        self.directory = f"{place()}/{number}"
        self.books = f"{place()}/.books/{number}.json"
        found = read_or_nothing(self.books) if forgiving else sound(self.books)
        self.written: Json = {**EMPTY, **found}
        self.was_started = self.is_started
        self.runtime: str = self.written["runtime"]
        self.answers: dict[str, str] = dict(self.written["answers"])
        self.reached: dict[str, float] = dict(self.written["reached"])  # goal -> when
        self.tips: dict[str, int] = dict(self.written["tips"])  # goal -> how many were given
        self.kept: dict[str, str] = dict(self.written["kept"])  # what the lab itself wants to know later

    @property
    def namespaces(self) -> dict[str, int]:
        """Those of the shell in which the lab was started: the name in /proc/PID/ns -> the inode."""
        return dict(self.written["namespaces"])

    def is_named(self, name: str) -> bool:
        """Whether something of this name is the lab's: lab01 and lab01-web are, lab010 is not."""
        return name.startswith(self.prefix) and not name[len(self.prefix) :][:1].isdecimal()

    @property
    def is_started(self) -> bool:
        return os.path.lexists(self.books)

    def must_be_started(self) -> None:
        """Raises StateError."""
        if not self.is_started:
            sudo = "" if os.geteuid() == 0 else "; a lab that root has started is checked by root, with sudo"
            raise StateError(
                f"lab {self.number} is not started, or was reset\n  cure:  minirun lab start {self.number}{sudo}"
            )

    def must_be_here(self) -> None:
        """A check takes its own namespaces for the machine's. Raises StateError where they are those of a container, or
        of a shell that the student has started by unshare(1)."""
        self.must_be_started()
        now, then = namespaces(), self.namespaces
        others = sorted(kind for kind in now if now[kind] != then.get(kind, now[kind]))
        if others:
            raise StateError(
                f"lab {self.number} was started elsewhere: this shell has other namespaces ({', '.join(others)})\n"
                "  cure:  type it in a terminal that has stayed outside, such as the one of minirun lab start;\n"
                f"         or the machine has been started anew since: minirun lab reset {self.number}, and begin again"
            )

    def file(self, name: str) -> str:
        """The path of a file in the directory."""
        return os.path.join(self.directory, name)

    def read(self, name: str) -> str | None:
        """A file of the directory that the student was to write; None where there is none. A container may have written
        it, and root reads it: a symlink that leads out is not followed, nor a FIFO waited for."""
        path = os.path.realpath(self.file(name))
        if not path.startswith(f"{self.directory}/") or not os.path.isfile(path):
            return None
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                return file.read()
        except OSError:
            return None

    def write(self, name: str, text: str, mode: int = 0o644) -> str:
        """Make a file in the directory, and the directories above it; its path."""
        path = self.file(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def give(self, source: str, name: str, mode: int = 0o644) -> str:
        """A copy, in the directory, of a file that the lab's own folder has; its path."""
        with open(source, encoding="utf-8") as file:
            return self.write(name, file.read(), mode)

    def secret(self) -> str:
        """A word that nobody can know who has not read it where `start` has put it."""
        if "secret" not in self.kept:
            self.kept["secret"] = secrets.token_hex(8)
            self.note()
        return self.kept["secret"]

    def note(self) -> None:
        """What has changed here. `watch` goes on in one terminal while an answer is given in another, or `reset`; so
        what others have noted meanwhile stays. Raises StateError."""
        if self.was_started:
            self.must_be_started()  # `reset` was faster
        mine: Json = {"answers": self.answers, "reached": self.reached, "tips": self.tips, "kept": self.kept}
        theirs = {**EMPTY, **sound(self.books)}
        merged = {name: {**theirs[name], **changed(self.written[name], mine[name])} for name in mine}
        for name, values in mine.items():
            values.update(merged[name])
        self.written |= {
            "started": self.written["started"] or time(),
            "namespaces": self.written["namespaces"] or namespaces(),
            "runtime": self.runtime,
            **merged,
        }
        replace(self.books, self.written)
        self.was_started = True

    def forget(self) -> None:
        if os.path.lexists(self.books):
            os.unlink(self.books)


def namespaces() -> dict[str, int]:
    """Of this process: the name in /proc/self/ns -> the inode."""
    return {kind: os.stat(f"/proc/self/ns/{kind}").st_ino for kind in os.listdir("/proc/self/ns")}


# ---- the files


def changed(before: Json, after: Json) -> Json:
    return {name: value for name, value in after.items() if before.get(name) != value}


def sound(path: str) -> Json:
    """Books in which all values are what they have to be. Raises StateError."""
    found = read(path)
    for name, empty in EMPTY.items():
        value = found.get(name, empty)
        kind = (int, float) if name == "started" else type(empty)
        values = (str,) if name in WORDS else (int, float)
        inner = value.values() if isinstance(value, dict) else ()
        if not isinstance(value, kind) or not all(isinstance(one, values) for one in inner):
            raise damaged(path, f"{name} is {value!r:.40}")
    return found


def read(path: str) -> Json:
    """{} where there is none. What a student has made unreadable is told, not guessed."""
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except FileNotFoundError:
        return {}
    except PermissionError as error:
        raise StateError(f"can't read {path!r}: {reason(error)}\n  cure:  sudo, as when the lab was started") from None
    except (OSError, ValueError) as error:
        raise damaged(path, str(error)) from None
    if not isinstance(found, dict):
        raise damaged(path, "it is no object")
    return found


def read_or_nothing(path: str) -> Json:
    try:
        return sound(path)
    except StateError:
        return {}


def damaged(path: str, why: str) -> StateError:
    return StateError(
        f"{path!r} is damaged: {why}\n  cure:  minirun lab reset, and begin anew; --all forgets marks, too"
    )


def replace(path: str, value: Json) -> None:
    """The whole file or the old one (rename(2)). Raises StateError."""
    unfinished = f"{path}.{os.getpid()}"  # `watch` and `answer` may write at the same time
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(unfinished, "w", encoding="utf-8") as file:
            json.dump(value, file, indent=1)
        os.rename(unfinished, path)
    except OSError as error:
        raise StateError(f"can't write {path!r}: {reason(error)}\n  cure:  as who has started it") from None
