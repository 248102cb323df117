"""The page to hand in: what was done in the labs, with a checksum (checksum.py) and with what that proves and what not.

Plain text of 78 columns: it prints, goes by mail, and needs no program to be read. The same as JSON is for a teacher's
own table of marks.
"""

from __future__ import annotations

import os
from textwrap import wrap
from time import gmtime, strftime

from .. import __version__
from ..record import Record
from ..safe import safe
from .checksum import signed, signed_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

WIDTH = 78
LABEL = 14  # columns, before what is told of one lab
TITLE = 38  # the longest of a lab
MINUTE, DATE = "%H:%M", "%d %b"

PLAIN = """
What this page proves: the last line is a checksum of all lines above it. It shows that nobody has changed a score by
hand and left it at that. Who knows how can make the line anew: it is what `head -n -1 FILE | sha256sum` prints. With
`--key WORD` it takes the word for that.
"""
KEYED = """
What this page proves: the last line is a checksum of all lines above it and of a key. It shows that the page was
written where somebody gave minirun that key, and that no letter of it has been changed since by anybody who does not
know the key.
"""
NOT_PROVEN = """
What it does not prove: that the work was done, or by whom. Who is root on a machine can change minirun, its clock and
what it has noted there. For that, let the student do one of the labs again, and look on.
"""


class Work(Record):
    """What a student has done in one lab. Times are in seconds since 1970."""

    number: str
    title: str
    score: int
    points: int
    at: float = 0.0  # when the score was reached
    reached: Mapping[str, float] = {}  # goal -> when
    answers: Mapping[str, str] = {}  # question -> the last one given
    hints: int = 0
    resets: int = 0
    solution_read: bool = False  # before all was done


class Progress(Record):
    labs: tuple[Work, ...]
    machine: str
    written: float  # when


def this_machine() -> str:
    system = os.uname()
    return f"{system.nodename}, {system.sysname} {system.release} {system.machine}, minirun {__version__}"


def report(progress: Progress, name: str, key: str = "") -> str:
    """`name` is the student's."""
    lines = [
        "What was done in minirun's labs",
        "",
        *head(progress, name),
        "",
        *table(progress.labs),
        "",
        *(line for work in progress.labs for line in details(work)),
    ]
    for text in (KEYED if key else PLAIN, NOT_PROVEN):
        lines += ["", *wrap(text.strip(), WIDTH)]
    return signed("\n".join([*lines, "", "The checksum:"]), key)


def report_json(progress: Progress, name: str, key: str = "") -> str:
    """The same for programs."""
    return signed_json({"name": name, **to_json(progress), **total(progress.labs)}, key)


def to_json(progress: Progress) -> dict[str, Any]:
    labs = [dict(zip(work.fields, work.values())) for work in progress.labs]
    return {"machine": progress.machine, "written": progress.written, "labs": labs}


def total(labs: tuple[Work, ...]) -> dict[str, int]:
    return {"score": sum(work.score for work in labs), "points": sum(work.points for work in labs)}


# ---- the page's parts


def head(progress: Progress, name: str) -> Iterator[str]:
    written = strftime(f"{DATE} %Y, {MINUTE}", gmtime(progress.written))
    for label, value in (("Name", name), ("Machine", progress.machine), ("Written", f"{written} (all times are UTC)")):
        yield from labelled(f"{label:10}", safe(value))


def table(labs: tuple[Work, ...]) -> Iterator[str]:
    sums = total(labs)
    yield row("Lab", "", "Score", "Hints", "Resets", "Reached")
    yield "-" * WIDTH
    for work in labs:
        when = moment(work.at) if work.at else "-"
        score = f"{work.score}/{work.points}"
        yield row(safe(work.number), safe(work.title), score, str(work.hints), str(work.resets), when)
    yield "-" * WIDTH
    yield row("All", "", f"{sums['score']}/{sums['points']}", "", "", "").rstrip()


def row(number: str, title: str, score: str, hints: str, resets: str, when: str) -> str:
    shown = title if len(title) <= TITLE else f"{title[: TITLE - 1]}…"
    return f"{number:4}{shown:{TITLE}}{score:>7}{hints:>7}{resets:>8}  {when:12}".rstrip()


def moment(when: float) -> str:
    return strftime(f"{DATE} {MINUTE}", gmtime(when))


def details(work: Work) -> Iterator[str]:
    """When each goal was reached, in this order; what was answered; and what a teacher may want to ask about."""
    in_order = sorted(work.reached.items(), key=lambda item: item[1])
    reached = "; ".join(f"{moment(when)} {safe(goal)}" for goal, when in in_order)
    answers = "; ".join(f"{safe(question)}: {safe(answer)}" for question, answer in work.answers.items())
    read = "the solution, before all was done" if work.solution_read else ""
    for label, text in (("reached", reached), ("answered", answers), ("read", read)):
        if text:
            yield from labelled(f"{safe(work.number):4}{label:{LABEL - 4}}", text)


def labelled(label: str, text: str) -> list[str]:
    return wrap(text, WIDTH, initial_indent=label, subsequent_indent=" " * len(label)) or [label.rstrip()]
