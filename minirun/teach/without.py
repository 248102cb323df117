"""`explain --without`: what a container could see or do if one of its protections were left out, and all others stayed.

protections.py has the sentences. Here each meets a plan, which says whether this container has it and by which steps,
and the host, which says how much there would be to see. Both are only read.
"""

from __future__ import annotations

import json
import os

from ..errors import StateError
from ..kernel import files
from ..kernel.constants import CAPABILITIES
from ..record import Record
from .chapters import CHAPTERS
from .protections import PROTECTIONS
from .text import INDENT, folded, in_lines, plain, safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from ..steps.step import Step
    from .protections import Protection
    from .text import Paint

ALL = "all"
COLUMN = 16  # for the names
HEAD = (
    "What the container {id} could see or do without {what}: each is left out by itself, and all others stay. Nothing "
    "is run; the numbers are of this host. Lines after $ are for a shell in such a container: use a machine that may "
    "break."
)


class WithoutIt(Record):
    """A protection, for one container on one host."""

    protection: Protection
    steps: tuple[int, ...]  # of the plan, from 1
    sentence: str

    @property
    def has(self) -> bool:
        """Whether this container has it at all."""
        return bool(self.steps or self.protection.outside)

    def to_json(self) -> dict[str, object]:
        about = self.protection
        return {
            "name": about.name,
            "title": about.title,
            "chapter": about.chapter,
            "has": self.has,
            "steps": self.steps,
            "outside": about.outside,
            "sentence": self.sentence,
            "still": about.still,
            "attack": about.attack,
            "source": about.source,
            "asked": about.asked,
        }


# ---- which of them


def without(word: str, steps: Sequence[Step]) -> tuple[WithoutIt, ...]:
    """`word` is a protection's name, a chapter's, the number of a step, or "all". Raises StateError for others."""
    numbers = of_host()
    every = tuple(for_plan(protection, steps, numbers) for protection in PROTECTIONS)
    if word == ALL:
        return every
    if word.isascii() and word.isdigit():
        return by_step(int(word), every, steps)
    found = tuple(one for one in every if one.protection.name == word)
    found = found or tuple(one for one in every if one.protection.chapter == word)
    if not found:
        raise unknown(word)
    return found


def for_plan(protection: Protection, steps: Sequence[Step], numbers: dict[str, str]) -> WithoutIt:
    its = tuple(number for number, step in enumerate(steps, start=1) if belongs(step, protection))
    return WithoutIt(protection, its, " ".join(protection.without.format(**numbers).split()))


def by_step(number: int, every: Sequence[WithoutIt], steps: Sequence[Step]) -> tuple[WithoutIt, ...]:
    if not 1 <= number <= len(steps):
        raise StateError(f"there is no step {number}\n  allowed: 1 to {len(steps)}")
    found = tuple(one for one in every if number in one.steps)
    if not found:
        raise StateError(
            f"step {number} is no protection by itself: {safe(steps[number - 1].describe())}\n"
            f"  cure:  --step {number} says what it is for; --without {ALL} shows the protections with their steps"
        )
    return found


def unknown(word: str) -> StateError:
    import difflib  # after a mistake there is time

    names = [protection.name for protection in PROTECTIONS]
    chapters = list(dict.fromkeys(protection.chapter for protection in PROTECTIONS))
    if word in CHAPTERS:
        said = f"nothing in the chapter {word} is there to protect"
    else:
        close = difflib.get_close_matches(word, [*names, *chapters], n=3)
        meant = f"; did you mean {' or '.join(close)}?" if close else ""
        said = f"there is no protection {safe(word)!r}{meant}"
    return StateError(
        f"{said}\n  names:    {', '.join(names)}\n  chapters: {', '.join(chapters)}\n  others:   {ALL}, a step's number"
    )


# ---- which steps make it


def belongs(step: Step, protection: Protection) -> bool:
    kind = type(step).__name__
    if kind not in protection.steps or (kind in GIVES_NOTHING and GIVES_NOTHING[kind](step)):
        return False
    return not protection.of or bool(set(uses(step)).intersection(protection.of))


def uses(step: Any) -> tuple[str, ...]:
    """What a step of a class of many uses is about."""
    for name in ("types", "type", "name"):
        if found := getattr(step, name, ()):
            return found if isinstance(found, tuple) else (found,)
    return ()


def allows_all_devices(step: Any) -> bool:
    """Of the rules for all devices the last one counts."""
    rules = [rule for rule in step.rules if rule.type in (None, "a") and rule.major is None and rule.minor is None]
    return bool(rules) and bool(rules[-1].allow)


# Where config.json asks for everything, these steps take nothing away.
GIVES_NOTHING: dict[str, Callable[[Any], bool]] = {
    "DropBoundingSet": lambda step: set(CAPABILITIES) <= set(step.keep),
    "SetCapabilities": lambda step: set(CAPABILITIES) <= set(step.permitted),
    "SetAmbientSet": lambda step: set(CAPABILITIES) <= set(step.names),
    "SetLimit": lambda step: step.value.split()[:1] == ["max"],
    "AttachDeviceFilter": allows_all_devices,
}


# ---- the host


def of_host() -> dict[str, str]:
    """Numbers for the sentences; "" for what can't be read here."""
    return {name: told(read) for name, read in NUMBERS.items()}


def told(read: Callable[[], str]) -> str:
    try:
        return read()
    except (OSError, LookupError, ValueError):
        return ""


def processes() -> str:
    return str(sum(name.isdigit() for name in os.listdir("/proc")))


def memory() -> str:
    """proc_meminfo(5): the first line, in KiB."""
    kibibytes = int(files.read_file("/proc/meminfo").split()[1])
    return f"{kibibytes / (1 << 20):.1f} GiB"


def uptime() -> str:
    """proc_uptime(5)"""
    hours = int(float(files.read_file("/proc/uptime").split()[0])) // 3600
    return f"{hours // 24} days and {hours % 24} hours"


NUMBERS: dict[str, Callable[[], str]] = {
    "processes": processes,
    "interfaces": lambda: str(len(os.listdir("/sys/class/net"))),
    "hostname": lambda: os.uname().nodename,
    "memory": memory,
    "uptime": uptime,
    "processors": lambda: str(os.cpu_count()),
    "pid_max": lambda: files.read_file("/proc/sys/kernel/pid_max").strip(),
}


# ---- told


def to_json(name: str, bundle: str, found: Sequence[WithoutIt]) -> str:
    return json.dumps({"id": name, "bundle": bundle, "without": [one.to_json() for one in found]}, indent=2) + "\n"


def text(name: str, found: Sequence[WithoutIt], width: int = 100, paint: Paint = plain) -> str:
    what = found[0].protection.title if len(found) == 1 else "each of these"
    lines = in_lines(HEAD.format(id=name, what=what), width)
    for one in found:
        lines += ["", *entry(one, width, paint)]
    return "\n".join([*lines, ""])


def entry(one: WithoutIt, width: int, paint: Paint) -> Iterator[str]:
    about, room = one.protection, width - len(INDENT)
    title, source = f"{about.name:<{COLUMN}}{about.title}", about.source
    gap = " " * max(2, width - len(title) - len(source))
    yield f"{paint('number', title[:COLUMN])}{paint('heading', title[COLUMN:])}{gap}{paint('source', source)}"
    yield from (INDENT + line for line in in_lines(one.sentence, room))
    if about.still:
        yield from (paint("about", INDENT + line) for line in in_lines(f"Still there: {about.still}", room))
    if about.attack:
        for number, line in enumerate(folded(about.attack, room - 2)):
            yield paint("shell", f"{INDENT}{'  ' if number else '$ '}{line}")
    kind = "about" if one.has else "note"
    yield from (paint(kind, INDENT + line) for line in in_lines(where(one), room))


def where(one: WithoutIt) -> str:
    """Which steps make it; or that there are none, and how to get some."""
    if one.steps:
        shown = ", ".join(map(str, ranges(one.steps)))
        return f"This container has it by step{'s' * (len(one.steps) > 1)} {shown}."
    if one.protection.outside:
        return f"It is no step: {one.protection.outside}."
    return f"This container does not have it: it would take {one.protection.asked}."


def ranges(numbers: Sequence[int]) -> Iterator[str]:
    """ "4", "7-9" for 4, 7, 8, 9."""
    begin = 0
    for place, number in enumerate(numbers):
        if place + 1 == len(numbers) or numbers[place + 1] != number + 1:
            yield str(number) if place == begin else f"{numbers[begin]}-{number}"
            begin = place + 1
