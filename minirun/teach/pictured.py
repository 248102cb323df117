"""What the picture of a plan (steps/world.py) says that a step changes, in the words of predictions (prediction.py): to
stand beside what the kernel shows.

Of some things the picture knows only that there may be a change: a file that is covered if it is there, a value that
may have been the same before. That such a change does not show is no contradiction, and neither is a kind of change
that it knows nothing of, such as the numbers of processes.
"""

from __future__ import annotations

from itertools import pairwise

from ..record import Record
from ..steps.world import OWN
from .inspection import NAMESPACES
from .panels import changed, stage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..steps.world import World
    from .panels import Change

SHORT_NAMES = {"mount": "mnt", "network": "net"}  # as in /proc/PID/ns

# Panel and name there -> the word.
WORDS: Mapping[str, Mapping[str, str]] = {
    "namespaces": {SHORT_NAMES.get(name, name): f"namespaces {name}" for name in NAMESPACES}
    | {name: f"namespaces {short}" for name, short in SHORT_NAMES.items()},
    "identity": {
        "user": "ids uid",
        "group": "ids gid",
        "further groups": "ids groups",
        "no_new_privs": "no_new_privs",
        "system calls": "seccomp",
    },
    "inside": {
        "host name": "hostname",
        "domain name": "domainname",
        "map of uids": "maps uid",
        "map of gids": "maps gid",
    },
    "process": {"session": "session", "umask": "umask", "oom_score_adj": "oom_score_adj"},
    "cgroup": {"cgroup": "cgroup directory", "the process": "cgroup path"},
}


JUDGED = {word.partition(" ")[0] for known in WORDS.values() for word in known.values()} - {"maps", "umask"}
JUDGED |= {"capabilities", "limits", "rlimits", "mounts"}
ROOTS = ("the host's mounts", "the root directory")  # with these all mounts may be others


class Pictured(Record):
    """A step's changes in the picture."""

    words: tuple[str, ...]
    certain: tuple[str, ...] = ()  # those of them that have to show
    moves: bool = False  # whether all that is mounted is seen from elsewhere

    def missing(self, seen: tuple[str, ...]) -> tuple[str, ...]:
        """What it says, and nobody has seen."""
        return tuple(word for word in self.certain if word not in seen)

    def more(self, seen: tuple[str, ...]) -> tuple[str, ...]:
        """What was seen, and it does not know."""
        return tuple(word for word in seen if word.partition(" ")[0] in JUDGED and not self.knows(word))

    def knows(self, word: str) -> bool:
        """A mount may bring those with it that lie below its source."""
        is_below = any(f"{word}/".startswith(f"{mount.rstrip('/')}/") for mount in self.words if " /" in mount)
        return word in self.words or is_below or (self.moves and word.startswith("mounts "))


def pictured(worlds: Sequence[World]) -> list[Pictured]:
    """For each step: of minirun's own process as long as there is no other."""
    shown = [stage(world.replace(is_started=True)) for world in worlds]
    return [of_changes(changed(before, after)) for before, after in pairwise(shown)]


def of_changes(changes: Sequence[Change]) -> Pictured:
    named = {word_for(one): one for one in changes if word_for(one)}
    certain = tuple(word for word, one in named.items() if has_to_show(one))
    return Pictured(tuple(named), certain, any(one.panel == "mounts" and one.name in ROOTS for one in changes))


def word_for(one: Change) -> str:
    """ "" where predictions have none."""
    if word := WORDS.get(one.panel, {}).get(one.name):
        return word
    if one.panel == "capabilities":
        return f"capabilities CAP_{one.name.upper()}"
    if one.panel == "cgroup":
        return f"limits {one.name}"
    if one.panel == "process" and one.name.startswith("RLIMIT_"):
        return f"rlimits {one.name.removeprefix('RLIMIT_').lower()}"
    is_place = one.panel == "mounts" and one.name.startswith("/")
    return f"mounts {one.name.partition(' (')[0]}" if is_place else ""


def has_to_show(one: Change) -> bool:
    """Not what may be another namespace's path, or a flag that the mount had from its source."""
    if one.panel == "mounts":
        return not one.was and not one.now.endswith("if it is there")
    return one.panel == "capabilities" or (one.panel == "namespaces" and one.now == OWN)
