"""How far a student is: the best score of each lab, when that was, and whether its solution was read first.

It stays when a lab is reset, and goes with `reset --all`.
"""

from __future__ import annotations

import json
import os
from time import localtime, strftime, time

from ..teach.text import plain
from .catalogue import folder
from .desk import Desk, damaged, place, read, replace
from .lab import DONE
from .report import Progress, Work, this_machine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from ..teach.text import Paint
    from .catalogue import Folder
    from .check import Result

    Json = dict[str, Any]

# "at" is when the score was reached, in seconds since 1970; "goals" when each goal was, "answers" the last ones given.
NO_MARK: Json = {"score": 0, "at": 0.0, "checks": 0, "hints": 0, "resets": 0, "solution_read": False}
NO_MARK |= {"goals": {}, "answers": {}}
READ = " *"  # in the table
HEAD = ("", "lab", "min", "root", "score", "")


def path() -> str:
    return f"{place()}/.marks.json"


def all_marks() -> dict[str, Json]:
    """Raises StateError."""
    return {number: {**NO_MARK, **sound(mark)} for number, mark in read(path()).items()}


def sound(mark: object) -> Json:
    """A mark whose values are what they have to be. Raises StateError."""
    if not isinstance(mark, dict):
        raise damaged(path(), "a mark is no object")
    for name, value in mark.items():
        usual = NO_MARK.get(name)
        kind = (int, float) if isinstance(usual, (int, float)) else type(usual)
        if usual is not None and not isinstance(value, kind):
            raise damaged(path(), f"{name} is {value!r:.40}")
    return mark


def mark_of(number: str) -> Json:
    return all_marks().get(number, dict(NO_MARK))


def note(result: Result, desk: Desk) -> None:
    """After a check: the best score counts, with the goals that were reached then."""
    mark = mark_of(desk.number)
    now = time()
    reached = {one.goal.name: now for one in result.goals if one.finding.status == DONE}
    mark |= {"checks": mark["checks"] + 1, "goals": {**reached, **mark["goals"]}, "answers": dict(desk.answers)}
    if result.score > mark["score"]:
        mark |= {"score": result.score, "at": now}
    write(desk, mark)


def count(what: str, desk: Desk) -> None:
    mark = mark_of(desk.number)
    write(desk, {**mark, what: mark[what] + 1})


def note_solution(desk: Desk) -> None:
    """Reading the solution of a lab that is not done yet is not forbidden, but told."""
    mark = mark_of(desk.number)
    if mark["score"] < folder(desk.number).lab.points:
        write(desk, {**mark, "solution_read": True})


def write(desk: Desk, mark: Json) -> None:
    replace(path(), {**all_marks(), desk.number: mark})


def forget() -> None:
    if os.path.lexists(path()):
        os.unlink(path())


# ---- told


def progress(labs: Sequence[Folder]) -> list[Json]:
    """Of all labs, in order."""
    marks = all_marks()
    return [
        {
            "lab": one.number,
            "title": one.lab.title,
            "minutes": one.lab.minutes,
            "root": not one.lab.rootless,
            "started": Desk(one.number).is_started,
            "points": one.lab.points,
            **marks.get(one.number, NO_MARK),
        }
        for one in labs
    ]


def work(labs: Sequence[Folder]) -> Progress:
    """The same for the page to hand in."""
    own = ("score", "points", "at", "answers", "hints", "resets", "solution_read")
    rows = [
        Work(number=one["lab"], title=one["title"], reached=one["goals"], **{name: one[name] for name in own})
        for one in progress(labs)
    ]
    return Progress(tuple(rows), this_machine(), time())


def to_json(labs: Sequence[Folder]) -> str:
    return json.dumps(progress(labs), indent=2) + "\n"


def table(labs: Sequence[Folder], paint: Paint = plain) -> str:
    every = progress(labs)
    rows = list(map(row, every))
    widths = [max(len(one[column]) for one in (HEAD, *rows)) for column in range(len(HEAD))]
    lines = ["  ".join(word.ljust(width) for word, width in zip(one, widths)).rstrip() for one in (HEAD, *rows)]
    return "\n".join([paint("heading", lines[0]), *lines[1:], *sums(every), ""])


def row(one: Json) -> tuple[str, ...]:
    when = strftime("%d %b", localtime(one["at"])) if one["at"] else "started" if one["started"] else ""
    mark = READ if one["solution_read"] else ""
    score = f"{one['score']}/{one['points']}"
    return one["lab"], one["title"], str(one["minutes"]), "yes" if one["root"] else "no", score, f"{when}{mark}"


def sums(every: Sequence[Json]) -> Iterator[str]:
    yield ""
    yield f"{sum(one['score'] for one in every)} of {sum(one['points'] for one in every)} points"
    if any(one["solution_read"] for one in every):
        yield f"{READ.strip()} its solution was read before all was done"
