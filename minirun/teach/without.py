"""`explain --without`: what a container could see or do if one of its protections were left out, and all others stayed.

protections.py has the sentences. Here each meets a plan, which says whether this container has it and by which steps,
and the host, which says how much there would be to see. Both are only read.
"""

from __future__ import annotations

import json
import os

from ..errors import StateError
from ..kernel import files
from ..kernel.constants import CAPABILITIES, names
from ..record import Record
from ..safe import safe
from .chapters import CHAPTERS
from .protections import PROTECTIONS
from .text import INDENT, beside, folded, in_lines, plain

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
    "What the container {id} could see or do without {what} left out by itself, and all others stay. Nothing is run; "
    "the numbers are of this host. Lines after $ are for a shell in such a container: use a machine that may break."
)


class WithoutIt(Record):
    """A protection, for one container on one host."""

    protection: Protection
    steps: tuple[int, ...]  # of the plan, from 1
    sentence: str
    joined: tuple[int, ...] = ()  # those of the steps by which it has it together with others

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
            "joined": self.joined,
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
    if word.lstrip("+-").isdecimal():
        return by_step(word, every, steps)
    found = tuple(one for one in every if one.protection.name == word)
    found = found or tuple(one for one in every if one.protection.chapter == word)
    if not found:
        raise unknown(word)
    return found


def for_plan(protection: Protection, steps: Sequence[Step], numbers: dict[str, str]) -> WithoutIt:
    its = {number: step for number, step in enumerate(steps, start=1) if belongs(step, protection)}
    if any(type(step).__name__ == protection.unless for step in steps):
        its = {}
    joined = tuple(number for number, step in its.items() if type(step).__name__ == "JoinNamespace")
    return WithoutIt(protection, tuple(its), protection.without.format(**numbers), joined)


def by_step(word: str, every: Sequence[WithoutIt], steps: Sequence[Step]) -> tuple[WithoutIt, ...]:
    numbered = {str(number): step for number, step in enumerate(steps, start=1)}
    if word not in numbered:
        raise StateError(f"there is no step {safe(word)}\n  allowed: 1 to {len(steps)}")
    found = tuple(one for one in every if int(word) in one.steps)
    if not found:
        raise StateError(
            f"step {word} is no protection by itself: {safe(numbered[word].describe())}\n"
            f"  cure:  --step {word} says what it is for; --without {ALL} shows the protections with their steps"
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
    if kinds(step).isdisjoint(protection.steps) or (kind in GIVES_NOTHING and GIVES_NOTHING[kind](step)):
        return False
    return not protection.of or not uses(step).isdisjoint(protection.of)


def kinds(step: Step) -> set[str]:
    """What it is, and what it does in passing: who is born in a cgroup need not join it."""
    return {type(step).__name__, type(getattr(step, "cgroup", None)).__name__}


def uses(step: Any) -> set[str]:
    """What a step of a class of many uses is about: types of namespaces, a file of the cgroup, a clock, flags."""
    words = {getattr(step, name, "") for name in ("type", "name", "clock")}
    return words.union(getattr(step, "types", ()), mount_flags(step) if step.chapter == "mounts" else ())


def mount_flags(step: Any) -> set[str]:
    """ "nosuid" for MS_NOSUID or MOUNT_ATTR_NOSUID; "/sys rdonly" for what counts at one place only."""
    flags = [names(getattr(step, "flags", 0), "MS_").replace("MS_", "")]
    for change in getattr(step, "changes", ()):
        flags.append(names(change.attr_set, "MOUNT_ATTR_").replace("MOUNT_ATTR_", ""))
    words = set("|".join(flags).lower().split("|"))
    return words | {f"{step.destination} rdonly"} if "rdonly" in words else words


def allows_all_devices(step: Any) -> bool:
    """Whether the last word that is more than a single permission allows everything: later rules win."""
    weighty = [rule for rule in step.rules if is_for_all(rule) or not rule.allow]
    return bool(weighty) and bool(weighty[-1].allow) and set(weighty[-1].access) == set("rwm")


def is_for_all(rule: Any) -> bool:
    return rule.type in (None, "a") and rule.major is None and rule.minor is None


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
    """Numbers for the sentences, in words that go into them; "" for what can't be read here."""
    return {name: told(words, read) for name, (words, read) in NUMBERS.items()}


def told(words: str, read: Callable[[], str]) -> str:
    try:
        return words.format(read())
    except (OSError, LookupError, ValueError):
        return ""


def processes() -> str:
    return str(sum(name.isdigit() for name in os.listdir("/proc")))


def interfaces() -> str:
    from socket import if_nameindex

    return str(len(if_nameindex()))


def memory() -> str:
    """proc_meminfo(5): the first line, in KiB."""
    kibibytes = int(files.read_file("/proc/meminfo").split()[1])
    return f"{kibibytes / (1 << 20):.1f} GiB"


def uptime() -> str:
    """proc_uptime(5)"""
    hours = int(float(files.read_file("/proc/uptime").split()[0])) // 3600
    return counted(hours, "hour") if hours < 48 else counted(hours // 24, "day")


def counted(number: int, what: str) -> str:
    return f"{number} {what}" + "s" * (number != 1)


def processes_at_most() -> str:
    """proc(5): whichever of the two is less. Threads count as processes do."""
    return str(min(int(files.read_file(f"/proc/sys/kernel/{name}")) for name in ("pid_max", "threads-max")))


NUMBERS: dict[str, tuple[str, Callable[[], str]]] = {
    "processes": (", {} now", processes),
    "interfaces": (" ({} now)", interfaces),
    "hostname": ("{}", lambda: os.uname().nodename),
    "memory": (", {}", memory),
    "uptime": (", {} by now", uptime),
    "processors": (" (here {})", lambda: str(os.cpu_count() or "")),
    "processes_at_most": (", {} of them with their threads", processes_at_most),
}


# ---- told


def to_json(name: str, bundle: str, found: Sequence[WithoutIt]) -> str:
    return json.dumps({"id": name, "bundle": bundle, "without": [one.to_json() for one in found]}, indent=2) + "\n"


def text(name: str, found: Sequence[WithoutIt], width: int = 100, paint: Paint = plain) -> str:
    what = f"{found[0].protection.title}: it is" if len(found) == 1 else "each of these: each is"
    lines = in_lines(HEAD.format(id=name, what=what), width)
    for one in found:
        lines += ["", *entry(one, width, paint)]
    return "\n".join([*lines, ""])


def entry(one: WithoutIt, width: int, paint: Paint) -> Iterator[str]:
    about, room = one.protection, width - len(INDENT)
    yield from heading(about, width, paint)
    yield from (INDENT + line for line in in_lines(one.sentence, room))
    if about.still:
        yield from (paint("about", INDENT + line) for line in in_lines(f"Still in the way: {about.still}", room))
    if about.attack:
        for number, line in enumerate(folded(about.attack, room - 2)):
            yield paint("shell", f"{INDENT}{'  ' if number else '$ '}{line}")
    kind = "about" if one.has else "note"
    yield from (paint(kind, INDENT + line) for line in in_lines(where(one), room))


def heading(about: Protection, width: int, paint: Paint) -> Iterator[str]:
    title = f"{about.name:<{COLUMN}}{about.title}"
    lines, source = beside([title], about.source, width)
    shown = paint("number", title[:COLUMN]) + paint("heading", title[COLUMN:])
    yield from [shown + paint("source", source)] if len(lines) == 1 else [shown, paint("source", source)]


def where(one: WithoutIt) -> str:
    """Which steps make it; or that there are none, and how to get some."""
    if one.joined:
        return f"This container shares one with those who are in it already: {in_words(one.joined)} joins it."
    if one.steps:
        return f"This container has it by {in_words(one.steps)}."
    if one.protection.outside:
        return f"It is no step: {one.protection.outside}."
    return f"This container does not have it: it would take {one.protection.asked}."


def in_words(numbers: Sequence[int]) -> str:
    return f"step{'s' * (len(numbers) > 1)} {', '.join(ranges(numbers))}"


def ranges(numbers: Sequence[int]) -> Iterator[str]:
    """ "4", "7-9" for 4, 7, 8, 9."""
    begin = 0
    for place, number in enumerate(numbers):
        if place + 1 == len(numbers) or numbers[place + 1] != number + 1:
            yield str(number) if place == begin else f"{numbers[begin]}-{number}"
            begin = place + 1
