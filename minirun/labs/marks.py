"""How far a student is: the best score of each lab, when that was, and whether its solution was read first.

It stays when a lab is reset, and goes with `reset --all`.
"""

from __future__ import annotations

import json
import os
from time import localtime, strftime, time

from ..teach.text import plain
from .desk import Desk, place, read, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from ..teach.text import Paint
    from .catalogue import Folder
    from .check import Result

    Json = dict[str, Any]

NO_MARK: Json = {"score": 0, "at": 0.0, "checks": 0, "solution_read": False, "goals": []}
HEAD = ("lab", "title", "minutes", "root", "score", "")


def path() -> str:
    return f"{place()}/.marks.json"


def all_marks() -> dict[str, Json]:
    return {number: {**NO_MARK, **mark} for number, mark in read(path()).items()}


def mark_of(number: str) -> Json:
    return all_marks().get(number, dict(NO_MARK))


def note(result: Result, desk: Desk) -> None:
    """After a check: the best score counts, with the goals that were reached then."""
    mark = mark_of(desk.number)
    mark["checks"] += 1
    if result.score > mark["score"]:
        reached = [one.goal.name for one in result.goals if one.finding.status == "done"]
        mark |= {"score": result.score, "at": time(), "goals": reached}
    replace(path(), {**all_marks(), desk.number: mark})


def note_solution(desk: Desk) -> None:
    """Reading the solution of a lab that is not done yet is not forbidden, but told."""
    mark = mark_of(desk.number)
    if not mark["solution_read"] and len(mark["goals"]) < len(desk_goals(desk)):
        replace(path(), {**all_marks(), desk.number: {**mark, "solution_read": True}})


def desk_goals(desk: Desk) -> Sequence[object]:
    from .catalogue import folder

    return folder(desk.number).lab.goals


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


def to_json(labs: Sequence[Folder]) -> str:
    return json.dumps(progress(labs), indent=2) + "\n"


def table(labs: Sequence[Folder], paint: Paint = plain) -> str:
    rows = list(map(row, progress(labs)))
    widths = [max(len(one[column]) for one in (HEAD, *rows)) for column in range(len(HEAD))]
    lines = ["  ".join(word.ljust(width) for word, width in zip(one, widths)).rstrip() for one in (HEAD, *rows)]
    return "\n".join([paint("heading", lines[0]), *lines[1:], *sums(progress(labs)), ""])


def row(one: Json) -> tuple[str, ...]:
    when = strftime("%Y-%m-%d %H:%M", localtime(one["at"])) if one["at"] else "started" if one["started"] else ""
    told = f"{when}, solution read" if one["solution_read"] else when
    score = f"{one['score']} of {one['points']}"
    return one["lab"], one["title"], str(one["minutes"]), "yes" if one["root"] else "no", score, told


def sums(every: Sequence[Json]) -> Iterator[str]:
    yield ""
    yield f"{sum(one['score'] for one in every)} of {sum(one['points'] for one in every)} points"
