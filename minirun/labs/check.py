"""`lab check`: each goal looked at, and what came of it as a text with a score."""

from __future__ import annotations

from errno import ENODEV, ENOENT, ENOTDIR, ESRCH
from textwrap import wrap
from time import time

from ..record import Record
from ..safe import safe_lines
from ..teach.text import plain
from .lab import DONE, NOT_YET, WRONG, Finding, not_yet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..teach.text import Paint
    from .desk import Desk
    from .lab import Goal, Lab

GONE = (ENOENT, ENOTDIR, ESRCH, ENODEV)  # what was looked at has just ended, as processes and cgroups do
ALL_DONE, SOME_NOT_YET, SOME_WRONG = 0, 2, 3  # exit statuses; 1 is an error
KINDS = {DONE: "shell", NOT_YET: "about", WRONG: "note"}  # how they are painted
COLUMN, WIDTH = 9, 80


class Checked(Record):
    """A goal, and what was found of it."""

    goal: Goal
    finding: Finding


class Result(Record):
    """Of a whole lab."""

    number: str
    title: str
    hints: dict[str, str]
    goals: tuple[Checked, ...]

    @property
    def score(self) -> int:
        return sum(one.goal.points for one in self.goals if one.finding.status == DONE)

    @property
    def points(self) -> int:
        return sum(one.goal.points for one in self.goals)

    def only(self, name: str) -> Result:
        """What was found of one goal."""
        return self.replace(goals=tuple(one for one in self.goals if one.goal.name == name))

    @property
    def exit_status(self) -> int:
        found = {one.finding.status for one in self.goals}
        return SOME_WRONG if WRONG in found else SOME_NOT_YET if NOT_YET in found else ALL_DONE


def check(lab: Lab, desk: Desk) -> Result:
    """Look at every goal. What need not last, and has been seen, is noted on the desk."""
    found: dict[str, Finding] = {}
    for goal in lab.goals:
        found[goal.name] = finding = look(goal, desk, found)
        if finding.status == DONE:
            desk.reached.setdefault(goal.name, time())
    desk.note()
    return Result(desk.number, lab.title, lab.hints, tuple(Checked(goal, found[goal.name]) for goal in lab.goals))


def look(goal: Goal, desk: Desk, found: dict[str, Finding]) -> Finding:
    if goal.once and goal.name in desk.reached:
        return Finding(DONE, "seen before")
    first = next((name for name in goal.after if found[name].status != DONE), None)
    if first is not None:
        return not_yet(f"comes after {first}")
    try:
        return goal.look(desk)
    except OSError as error:
        if error.errno not in GONE:
            raise
        return not_yet("it to stay", "what was looked at has just gone")


def hint(result: Result, desk: Desk) -> str:
    """What to do about what is wrong; else the next tip for the first goal that is not reached."""
    open_goals = [one for one in result.goals if one.finding.status != DONE]
    for one in open_goals:
        if one.finding.hint:
            return f"{one.goal.name}: {result.hints[one.finding.hint]}"
    for one in open_goals:
        given, tips = desk.tips.get(one.goal.name, 0), one.goal.tips
        if tips:
            desk.tips[one.goal.name] = min(given + 1, len(tips))
            desk.note()
            return f"{one.goal.name}: {tips[min(given, len(tips) - 1)]}"
    return "all is done" if not open_goals else f"{open_goals[0].goal.name}: {open_goals[0].finding.expected}"


# ---- as a text


def text(result: Result, width: int = WIDTH, paint: Paint = plain, only: str = "") -> str:
    """With `only`, of the goals that one is shown."""
    lines = [paint("heading", f"Lab {result.number}. {result.title}"), ""]
    for one in result.only(only).goals if only else result.goals:
        lines += told(one, result.hints, width, paint)
    return "\n".join([*lines, "", f"Score of the lab: {result.score} of {result.points}", ""])


def told(one: Checked, hints: dict[str, str], width: int, paint: Paint) -> Iterator[str]:
    finding, goal = one.finding, one.goal
    first, *more = wrap(f"{goal.name}: {goal.text}", width - COLUMN)
    yield paint(KINDS[finding.status], f"{finding.status:{COLUMN}}") + first
    yield from (" " * COLUMN + line for line in more)
    if finding.status == DONE:
        return
    for name in ("found", "expected"):
        if getattr(finding, name):
            yield from beside(name, safe_lines(getattr(finding, name)), width)
    if finding.hint:
        yield from beside("hint", hints[finding.hint], width)


def beside(name: str, words: str, width: int) -> Iterator[str]:
    indent = " " * COLUMN + f"{'':10}"
    first, *more = wrap(words, width - len(indent)) or [""]
    yield " " * COLUMN + f"{name:10}" + first
    yield from (indent + line for line in more)


def to_json(result: Result) -> dict[str, object]:
    return {
        "lab": result.number,
        "title": result.title,
        "score": result.score,
        "points": result.points,
        "goals": [
            {"name": one.goal.name, "text": one.goal.text, "points": one.goal.points, **named(one.finding)}
            for one in result.goals
        ],
    }


def named(finding: Finding) -> dict[str, str]:
    return dict(zip(finding.fields, finding.values()))
