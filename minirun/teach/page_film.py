"""The film of a plan, as a part of its page: a stage with the container as it is, and what the step has changed.

Each panel of the stage is written once for each state that it is ever in, as what is different from the one before: a
mount more is a line more, and not all of them again. A frame says which states are on the stage. Without scripts, and
on paper, there is a frame for each chapter.
"""

from __future__ import annotations

import json

from .chapters import CHAPTERS
from .page_panels import TITLES, body, html, numbers
from .page_run import badges, came_of, pace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .explanation import Explanation, Told
    from .panels import Change, Panel

    Marks = Mapping[str, str]  # name -> what it was before the step; "" for what is new
    Body = tuple[str, ...]

# As they stand on the stage: across it, or in one of its two columns.
ROWS = (
    (("namespaces",),),
    (("mounts", "cgroup"), ("capabilities", "identity", "process", "inside", "devices")),
    (("books",),),
)
BUTTONS = {
    "first": ("⇤", "to the first step"),
    "back": ("←", "a step back"),
    "play": ("▶", "play"),
    "on": ("→", "a step on"),
    "last": ("⇥", "to the last step"),
}
SPEEDS = ((0.5, "slow"), (1, "usual speed"), (3, "fast"))


def film(explanation: Explanation) -> Iterator[str]:
    if not explanation.stages:
        return
    frames = Frames(explanation)
    yield f'<div class="film"{data(frames=frames.numbers)}{of_run(explanation)}>'
    yield from scenes(explanation)
    yield '<p class="caption"><b></b> <span></span> <span class="came"></span></p>'
    yield '<p class="heard" role="status"></p>'
    yield from controls(explanation)
    yield from empty_stage()
    yield f'<script type="application/json">{for_script(frames.bodies)}</script>'
    yield "</div>"
    yield from on_paper(explanation)


def data(**values: object) -> str:
    """For the script."""
    return "".join(f' data-{name}="{html(json.dumps(value))}"' for name, value in values.items())


def for_script(value: object) -> str:
    """JSON in which nothing ends the element that it stands in."""
    return json.dumps(value, separators=(",", ":")).replace("</", r"<\/")


def of_run(explanation: Explanation) -> str:
    if not explanation.durations:
        return ""
    return data(
        came=[came_of(told, explanation) for told in explanation.steps],
        pace=pace(explanation)[1],
        failed=explanation.run.failed,
        seen={"after": explanation.run.seen_after, "told": badges(explanation)},
    )


def empty_stage() -> Iterator[str]:
    yield '<div class="stage">'
    for columns in ROWS:
        yield '<div class="row">'
        for names in columns:
            panels = (
                f'<div class="panel {name}" role="group" aria-label="{TITLES[name]}">'
                f'<h3>{TITLES[name]} <small class="badge"></small></h3><div></div></div>'
                for name in names
            )
            yield f'<div class="column">{"".join(panels)}</div>'
        yield "</div>"
    yield "</div>"


def scenes(explanation: Explanation) -> Iterator[str]:
    """The chapters in their order: bars, as wide as they have steps. The caption says what the present one is about."""
    yield '<ol class="scenes">'
    for band in explanation.sections():
        first = band[0]
        about = html(f"{first.chapter}: {CHAPTERS[first.chapter].meaning}")
        yield f'<li class="{first.process}" style="--steps:{len(band)}" data-first="{first.number}">'
        yield f'<a href="#step-{first.number}" title="{about}" aria-label="{about}"></a></li>'
    yield "</ol>"


def controls(explanation: Explanation) -> Iterator[str]:
    steps = len(explanation.steps)
    yield '<div class="controls">'
    for name, (sign, about) in BUTTONS.items():
        yield f'<button type="button" data-do="{name}" aria-label="{about}" title="{about}">{sign}</button>'
    yield f'<input type="range" min="1" max="{steps}" value="1" aria-label="step">'
    yield '<select aria-label="speed">'
    yield from (f'<option value="{rate}"{" selected" * (rate == 1)}>{about}</option>' for rate, about in SPEEDS)
    if explanation.durations:
        yield f'<option value="run">as it ran, {pace(explanation)[0]:,} × slower</option>'
    yield "</select></div>"


class Frames:
    """Which bodies the panels have before the first step, and after each: their numbers, by panel."""

    def __init__(self, explanation: Explanation) -> None:
        self.known: dict[Body, int] = {}
        self.bodies: list[tuple[int, int, Body, int]] = []
        self.latest: dict[str, Body] = {}  # by panel
        self.numbers = [[self.number(name, explanation.stages[0][name], {}) for name in TITLES]]
        for told, stage in zip(explanation.steps, explanation.stages[1:]):
            self.numbers.append([self.number(name, stage[name], marks(told.changes, name)) for name in TITLES])

    def number(self, name: str, panel: Panel, changed: Marks) -> int:
        pieces = body(name, panel, changed)
        if pieces not in self.known:
            self.known[pieces] = len(self.known)
            self.bodies.append(self.difference(pieces, self.latest.get(name, ())))
        self.latest[name] = pieces
        return self.known[pieces]

    def difference(self, pieces: Body, other: Body) -> tuple[int, int, Body, int]:
        """The other's number, how many pieces to take from its beginning, what comes then, and how many from its
        end."""
        first = common(pieces, other)
        last = common(pieces[first:][::-1], other[first:][::-1])
        return self.known.get(other, -1), first, pieces[first : len(pieces) - last], last


def common(some: Body, others: Body) -> int:
    """How many of the first are the same."""
    pairs = enumerate(zip(some, others))
    return next((place for place, (one, other) in pairs if one != other), min(len(some), len(others)))


def marks(changes: Sequence[Change], panel: str) -> dict[str, str]:
    return {change.name: change.was for change in changes if change.panel == panel}


# ---- on paper

UNCHANGED = "Nothing becomes another that a panel shows."


def on_paper(explanation: Explanation) -> Iterator[str]:
    """For each chapter, what it has changed, as it is at its end."""
    yield '<div class="paper">'
    for band in explanation.sections():
        first, last = band[0], band[-1]
        before, after = explanation.stages[first.number - 1], explanation.stages[last.number]
        panels = [name for name in TITLES if before[name] != after[name]]
        yield f'<div class="frame {first.process}"><h3><b>{html(first.chapter)}</b> {numbers(band)} '
        yield f"{html(CHAPTERS[first.chapter].meaning)}</h3>"
        yield from paper_panels(band, panels, explanation) if panels else [f"<p>{UNCHANGED}</p>"]
        yield "</div>"
    yield "</div>"


def paper_panels(band: Sequence[Told], panels: Sequence[str], explanation: Explanation) -> Iterator[str]:
    after = explanation.stages[band[-1].number]
    yield '<div class="stage">'
    for name in panels:
        changed = {one: was for told in reversed(band) for one, was in marks(told.changes, name).items()}
        yield f'<div class="panel {name}"><h4>{TITLES[name]}</h4>{"".join(body(name, after[name], changed))}</div>'
    yield "</div>"
