"""What somebody predicts of a step: words, read; and compared with what has changed.

    namespaces uts pid mounts /proc        a kind, and which of that kind; without names, whichever it may be
    nothing

`run --step --predictions FILE` writes each one down with what came of it, a JSON object a line.
"""

from __future__ import annotations

import json
from errno import ENOENT
from re import fullmatch
from textwrap import wrap

from ..errors import MinirunError, StateError, reason
from ..kernel import files
from ..kernel.constants import CAPABILITIES
from ..record import Record
from ..safe import safe
from .inspection import NAMESPACES, UNLIMITED
from .seen import RLIMITS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

NOTHING = "nothing"
RIGHT, PARTLY, WRONG = "right", "partly", "wrong"
NAMES_TOLD = 6  # of one kind in a line: with a user namespace all capabilities change at once


class Prediction(Record):
    """As it is written down."""

    step: int  # its number in the plan
    kind: str  # the step's class
    sentence: str
    predicted: tuple[str, ...]  # such as "namespaces uts", "namespaces", "hostname"
    changed: tuple[str, ...]  # likewise, with all names; () for nothing
    right: bool
    otherwise: tuple[str, ...] = ()  # what the plan's picture of the step has otherwise than the kernel

    def line(self) -> str:
        return json.dumps(dict(zip(JSON_NAMES, self.values()))) + "\n"


JSON_NAMES = ("step", "class", "sentence", "predicted", "changed", "right", "otherwise")


class Kind(Record):
    about: str
    example: str = ""
    names: Mapping[str, str] = {}  # what somebody may write -> what it is called in what has changed
    pattern: str = ""  # of further names


def same(names: Iterable[str]) -> dict[str, str]:
    return {name: name for name in names}


PATH, NUMBER, HUGE_PAGES = r"/.*", r"\d+", r"hugetlb\..+"
CAPABILITY_NAMES = {word: name for name in CAPABILITIES for word in (name.lower(), name.lower().removeprefix("cap_"))}
RLIMIT_NAMES = same(RLIMITS) | {f"rlimit_{name}": name for name in RLIMITS}
NAMESPACE_NAMES = same(NAMESPACES) | {"mount": "mnt", "network": "net"}  # as config.json has them

KINDS = {
    "process": Kind("that it is another process than before"),
    "namespaces": Kind("which it is in", " ".join(NAMESPACES), NAMESPACE_NAMES),
    "mounts": Kind("what is mounted where, and its options", "/proc", pattern=PATH),
    "propagation": Kind("whether mounts come in from others, or go out to them", "/", pattern=PATH),
    "root": Kind("its root directory"),
    "hostname": Kind("its host name"),
    "domainname": Kind("its NIS domain name"),
    "ids": Kind("its user, group and further groups", "uid gid groups", same(("uid", "gid", "groups"))),
    "maps": Kind("the maps of its user namespace", "uid gid", same(("uid", "gid"))),
    "capabilities": Kind("in any of its five sets", "net_admin", CAPABILITY_NAMES),
    "no_new_privs": Kind("whether execve(2) may give it more rights"),
    "seccomp": Kind("whether a system call filter holds"),
    "label": Kind("its label of AppArmor or SELinux"),
    "cgroup": Kind("which it is in, whether the container has one", "path directory", same(("path", "directory"))),
    "limits": Kind("of the container's cgroup", "memory.max pids.max", same(UNLIMITED), HUGE_PAGES),
    "rlimits": Kind("of the process itself", "nofile core", RLIMIT_NAMES),
    "descriptors": Kind("the open files that its program will have", "0 1 2", pattern=NUMBER),
    "session": Kind("which session it is in"),
    "cwd": Kind("its current directory"),
    "umask": Kind("the rights that its new files don't get"),
    "oom_score_adj": Kind("how soon it is ended when memory runs out"),
    NOTHING: Kind("nothing of all this"),
}
PLURALS = ("namespaces", "mounts", "ids", "maps", "limits", "rlimits", "descriptors")
SYNONYMS = {kind.removesuffix("s"): kind for kind in PLURALS} | {"capability": "capabilities"}
WORD = 15  # columns of the list


class Unknown(MinirunError):
    """A word that says nothing here."""


# ---- words


def understood(text: str) -> tuple[str, ...]:
    """Raises Unknown, which says what helps."""
    found: dict[str, list[str]] = {}
    kind = ""
    for word in text.replace(",", " ").split():
        name = name_of(kind, word)
        if name:
            found[kind].append(name)
            continue
        kind = SYNONYMS.get(word.lower(), word.lower())
        if kind not in KINDS:
            raise Unknown(f"{safe(word)} is no word for what a step changes")
        found.setdefault(kind, [])
    if NOTHING in found and len(found) > 1:
        raise Unknown(f"{NOTHING} stands alone")
    return tuple(f"{kind} {name}".rstrip() for kind, names in found.items() for name in names or [""])


def name_of(kind: str, word: str) -> str:
    """What `word` names of this kind; "" where it names nothing."""
    known = KINDS.get(kind)
    if not known:
        return ""
    if known.pattern and fullmatch(known.pattern, word):
        return word.rstrip("/") or word
    return known.names.get(word.lower(), "")


def vocabulary(width: int) -> list[str]:
    """All words, for who knows none yet."""
    lines = ["p WORDS says what the step will change of the container's process: a kind, or some of that kind by name"]
    for word, kind in KINDS.items():
        text = f"{kind.about}: {kind.example}" if kind.example else kind.about
        first, *more = wrap(text, width - WORD - 2)
        lines += [f"  {word:<{WORD}}{first}", *(f"  {'':{WORD}}{line}" for line in more)]
    return lines


# ---- compared


def covers(predicted: str, changed: str) -> bool:
    return f"{changed} ".startswith(f"{predicted} ")


def missed(predicted: tuple[str, ...], changed: tuple[str, ...]) -> tuple[str, ...]:
    """What was predicted and is not so."""
    if predicted == (NOTHING,):
        return predicted if changed else ()
    return tuple(one for one in predicted if not any(covers(one, other) for other in changed))


def unforeseen(predicted: tuple[str, ...], changed: tuple[str, ...]) -> tuple[str, ...]:
    """What has changed and was not predicted."""
    return tuple(other for other in changed if not any(covers(one, other) for one in predicted))


def verdict(predicted: tuple[str, ...], changed: tuple[str, ...]) -> str:
    wrong, more = missed(predicted, changed), unforeseen(predicted, changed)
    if not wrong and not more:
        return RIGHT
    return WRONG if len(wrong) == len(predicted) else PARTLY


def told(predicted: tuple[str, ...], changed: tuple[str, ...]) -> str:
    """What came of it, in a line."""
    wrong, more = missed(predicted, changed), unforeseen(predicted, changed)
    hits = tuple(one for one in changed if one not in more)
    how = verdict(predicted, changed)
    if how == RIGHT:
        return f"right: {in_words(changed)} changed"
    if how == PARTLY:
        parts = [f"partly: {in_words(hits)} changed", f"so did {in_words(more)}", f"{in_words(wrong)} did not"]
        return "; ".join([parts[0], *parts[1:2] * bool(more), *parts[2:] * bool(wrong)])
    if predicted == (NOTHING,):
        return f"not so: {in_words(more)} changed"
    return f"not so: {in_words(wrong)} did not change; {in_words(more)} did"


def in_words(things: tuple[str, ...]) -> str:
    """ "namespaces pid, uts and hostname" """
    kinds: dict[str, list[str]] = {}
    for thing in things:
        kind, _, name = thing.partition(" ")
        kinds.setdefault(kind, []).extend([name] if name else [])
    return " and ".join(of_one_kind(kind, names) for kind, names in kinds.items()) or "nothing that has a word here"


def of_one_kind(kind: str, names: list[str]) -> str:
    more = [f"{len(names) - NAMES_TOLD} more"] if len(names) > NAMES_TOLD else []
    return f"{kind} {', '.join([*map(safe, names[:NAMES_TOLD]), *more])}".rstrip()


# ---- written down


def read(path: str) -> tuple[Prediction, ...]:
    """All of a file, in the order in which they were made; none where there is no file yet. Raises StateError."""
    try:
        lines = files.read_file(path).splitlines()
    except OSError as error:
        if error.errno == ENOENT:
            return ()
        raise StateError(
            f"can't read {safe(path)}: {reason(error)}\n  cure:  name the file of run --step --predictions"
        ) from None
    return tuple(parsed(path, lines))


def parsed(path: str, lines: Iterable[str]) -> Iterator[Prediction]:
    for number, line in enumerate(lines, start=1):
        try:
            told = json.loads(line)
            step, kind, sentence, predicted, changed, right = (told[name] for name in JSON_NAMES[:-1])
            words = tuple(predicted), tuple(changed), right is True, tuple(told.get(JSON_NAMES[-1], ()))
            yield Prediction(int(step), str(kind), str(sentence), *words)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
            raise StateError(
                f"line {number} of {safe(path)} is no prediction\n  cure:  remove the line; run --step writes new ones"
            ) from None
