"""A goal of labs that look at the steps of a start: to have said of some of them beforehand what they will change.

`run --step --predictions FILE` compares with what /proc shows then (teach/prediction.py), and with the plan's picture
of the step (teach/pictured.py). Here counts that somebody has thought, and not whether it was right: a wrong prediction
is what one learns from. Where picture and kernel disagree, it was not the student who was wrong, and that is told.
"""

from __future__ import annotations

from ..teach import prediction
from .lab import Finding, Goal, done, not_yet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .desk import Desk

FILE = "predictions"  # in the lab's directory


def predicted(steps: int, points: int = 2) -> Goal:
    """Reached with predictions of so many different steps."""

    def look(desk: Desk) -> Finding:
        made = prediction.read(desk.file(FILE))
        different = {one.step for one in made}
        right = {one.step for one in made if one.right}
        otherwise = sorted({one.step for one in made if one.otherwise})
        found = f"{len(different)}, of which {len(right)} were right"
        if otherwise:
            found += f"; in {', '.join(map(str, otherwise))} the plan's picture has it otherwise than the kernel"
        if len(different) < steps:
            return not_yet(f"{steps} predicted steps in the file {FILE}", found)
        return done(found)

    return Goal(
        "predicted",
        f"You have predicted what {steps} steps of a start will change; whether right or wrong.",
        look,
        points,
        tips=(
            f"minirun run --step --predictions {FILE} …, and at its questions p with a word; p alone lists the words",
            "there are steps that change nothing of the process: p nothing",
        ),
    )
