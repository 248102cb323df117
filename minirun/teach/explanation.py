"""A plan as something to read: each step with all that is known of it. Nothing runs, and nobody has to be root.

config.json ──► plan ──► Explanation ──► text.py, markdown.py, page.py, svg.py, mermaid.py, or JSON
"""

from __future__ import annotations

import json
from itertools import groupby

from ..plan.container import plan
from ..record import Record
from ..spec.clauses import clause
from ..spec.load import content, decode, parse
from .chapters import CHAPTERS
from .film import film, start
from .hook_parts import parts_of
from .outcome import Outcome, outcome
from .panels import changed, stage
from .real_run import RealRun
from .text import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..plan.options import Options
    from ..steps.step import Step
    from .hook_parts import Part
    from .panels import Change, Stage


class Told(Record):
    """A step, told."""

    number: int
    process: str  # "runtime" or "container"
    chapter: str
    sentence: str
    reason: str  # why it is done, and why like this; "" where the sentence says all
    calls: tuple[str, ...]
    no_calls: str  # why there are none
    shell: str
    no_shell: str  # why there is none
    listing: str  # the program that it gives to the kernel, in assembler
    manual: str
    clause: str  # of the OCI runtime spec; "" where it asks for nothing of the kind
    pointer: str  # into config.json; "" where minirun does it in any case
    changes: tuple[Change, ...] = ()  # what becomes of the container by it
    parts: tuple[Part, ...] = ()  # of a hook that is minirun's own

    def to_json(self) -> dict[str, object]:
        """Members by the names of JSON, where config.json's own are in this form, too."""
        members: dict[str, object] = {
            JSON_NAMES.get(name, name): value for name, value in zip(self.fields, self.values())
        }
        for name in ("changes", "parts"):
            members[name] = [dict(zip(one.fields, one.values())) for one in getattr(self, name)]
        return members


JSON_NAMES = {"no_calls": "noCalls", "no_shell": "noShell"}


UNKNOWN = "–"  # behind a filter that forbids the clock, or after a failure


class Explanation(Record):
    """All of a plan."""

    id: str
    bundle: str
    steps: tuple[Told, ...]
    notes: tuple[str, ...] = ()  # what a run would stumble over
    outcome: Outcome = Outcome()
    stages: tuple[Stage, ...] = ()  # before the first step of the whole plan, and after each
    durations: Mapping[int, int] = {}  # of a run's steps, by number, in nanoseconds; only where somebody has measured
    run: RealRun = RealRun()  # that run

    def sections(self) -> list[tuple[Told, ...]]:
        """The steps in their order, divided where the process or the chapter changes."""
        return [tuple(group) for _, group in groupby(self.steps, lambda told: (told.process, told.chapter))]

    def took(self, *steps: Told) -> str:
        """How long these took together; "" where there are no times of a run."""
        known = [self.durations[told.number] for told in steps if told.number in self.durations]
        if not self.durations:
            return ""
        more = "" if len(known) == len(steps) else "> "
        return f"{more}{shown(sum(known))}" if known else UNKNOWN

    def json(self) -> str:
        chapters = dict.fromkeys(told.chapter for told in self.steps)
        value = {
            "id": self.id,
            "bundle": self.bundle,
            "notes": self.notes,
            "chapters": {name: {"about": CHAPTERS[name].about, "manual": CHAPTERS[name].manual} for name in chapters},
            "steps": [told.to_json() for told in self.steps],
        }
        return json.dumps(value, indent=2) + "\n"


def steps_of(options: Options, text: bytes | None = None) -> tuple[Step, ...]:
    """The plan that a run with these options would walk down. Raises MinirunError where that would stop at it. `text`
    stands for config.json."""
    return plan(parse(decode(content(options.bundle, options.config) if text is None else text)), options)


def explain(options: Options, notes: tuple[str, ...] = (), text: bytes | None = None) -> Explanation:
    """Explain what a run would do. Raises MinirunError as a run would."""
    steps = steps_of(options, text)
    stages = stages_of(steps, options.uid)
    told = tuple(tell(number, step, stages) for number, step in enumerate(steps, start=1))
    return Explanation(options.id, options.bundle, told, notes, outcome(steps), stages)


def stages_of(steps: tuple[Step, ...], uid: int = 0) -> tuple[Stage, ...]:
    """For a runtime of this user."""
    return tuple(map(stage, film(steps, start(uid=uid))))


def tell(number: int, step: Step, stages: tuple[Stage, ...] = ()) -> Told:
    listing = getattr(step, "listing", None)
    shell, calls = step.shell(), step.calls()
    return Told(
        number=number,
        process=step.runs_in,
        chapter=step.chapter,
        sentence=step.describe(),
        reason=" ".join((type(step).__doc__ or "").split()),
        calls=calls,
        no_calls="" if calls else step.no_calls,
        shell=shell or "",
        no_shell="" if shell else step.no_shell,
        listing=listing() if listing else "",
        manual=step.man,
        clause=clause_of(step),
        pointer=step.place,
        changes=changed(stages[number - 1], stages[number]) if stages else (),
        parts=parts_of(step),
    )


def clause_of(step: Step) -> str:
    """A step for all limits can't know the clause of each; its place in config.json does."""
    return clause(step.place) if step.place.startswith("/linux/resources/") else step.spec
