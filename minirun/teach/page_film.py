"""The film of a plan, as a part of its page: a stage with the container as it is, and what the step has changed.

Each panel of the stage is written once for each state that it is ever in, into a <template> of its own; a frame says
which templates are on the stage. Without scripts, and on paper, there is a frame for each chapter.
"""

from __future__ import annotations

import json
from collections import Counter
from html import escape

from ..safe import safe
from .chapters import CHAPTERS
from .panels import MADE, NOTHING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from .explanation import Explanation, Told
    from .panels import Change, Panel

    Marks = Mapping[str, str]  # name -> what it was before the step; "" for what is new

TITLES = {
    "namespaces": "Namespaces",
    "mounts": "Files",
    "capabilities": "Capabilities",
    "identity": "Identity",
    "process": "Process",
    "inside": "Inside of the namespaces",
    "devices": "Devices",
    "cgroup": "Limits",
    "books": "Books, on the host",
}
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
    yield f'<div class="film" data-frames="{html(json.dumps(frames.numbers))}">'
    yield from scenes(explanation)
    yield '<p class="caption"><b></b> <span></span></p>'
    yield from controls(len(explanation.steps))
    yield '<div class="stage">'
    for name, title in TITLES.items():
        yield f'<div class="panel {name}" role="group" aria-label="{title}"><h3>{title}</h3><div></div></div>'
    yield "</div>"
    yield from (f"<template>{body}</template>" for body in frames.bodies)
    yield "</div>"
    yield from on_paper(explanation)


def scenes(explanation: Explanation) -> Iterator[str]:
    """The chapters in their order: bars, as wide as they have steps. The caption says what the present one is about."""
    yield '<ol class="scenes">'
    for band in explanation.sections():
        first = band[0]
        about = html(f"{first.chapter}: {CHAPTERS[first.chapter].meaning}")
        yield f'<li class="{first.process}" style="--steps:{len(band)}" data-first="{first.number}">'
        yield f'<a href="#step-{first.number}" title="{about}" aria-label="{about}"></a></li>'
    yield "</ol>"


def controls(steps: int) -> Iterator[str]:
    yield '<div class="controls">'
    for name, (sign, about) in BUTTONS.items():
        yield f'<button type="button" data-do="{name}" aria-label="{about}" title="{about}">{sign}</button>'
    yield f'<input type="range" min="1" max="{steps}" value="1" aria-label="step">'
    yield '<select aria-label="speed">'
    yield from (f'<option value="{rate}"{" selected" * (rate == 1)}>{about}</option>' for rate, about in SPEEDS)
    yield "</select></div>"


class Frames:
    """Which bodies the panels have before the first step, and after each: their numbers, by panel."""

    def __init__(self, explanation: Explanation) -> None:
        self.known: dict[str, int] = {}
        self.numbers = [[self.number(name, explanation.stages[0][name], {}) for name in TITLES]]
        for told, stage in zip(explanation.steps, explanation.stages[1:]):
            self.numbers.append([self.number(name, stage[name], marks(told.changes, name)) for name in TITLES])

    @property
    def bodies(self) -> list[str]:
        return list(self.known)

    def number(self, name: str, panel: Panel, changed: Marks) -> int:
        return self.known.setdefault("".join(BODIES.get(name, facts)(panel, changed)), len(self.known))


def marks(changes: Sequence[Change], panel: str) -> dict[str, str]:
    return {change.name: change.was for change in changes if change.panel == panel}


def html(text: str) -> str:
    return escape("\n".join(map(safe, text.split("\n"))))


# ---- the bodies of panels


def facts(panel: Panel, changed: Marks) -> Iterator[str]:
    """Names and values, in a flow."""
    yield "<dl>"
    for name, value in both(panel, changed):
        told = f"{was(name, panel, changed)}{html(value)}"
        yield f"<div{state(name, panel, changed)}><dt>{html(name)}</dt><dd>{told}</dd></div>"
    yield "</dl>"


def both(panel: Panel, changed: Marks) -> Iterator[tuple[str, str]]:
    """What there is, and what was there until now."""
    yield from panel.items()
    yield from ((name, value) for name, value in changed.items() if name not in panel)


def state(name: str, panel: Panel, changed: Marks, *more: str) -> str:
    words = [*more, *(["gone"] if name not in panel else ["changed"] if name in changed else [])]
    return f' class="{" ".join(words)}"' if words else ""


def was(name: str, panel: Panel, changed: Marks) -> str:
    """The value that the present one has replaced."""
    before = changed.get(name, "") if name in panel else ""
    return f"<del>{html(before)}</del> " if before else ""


def boxes(panel: Panel, changed: Marks) -> Iterator[str]:
    """A box for each namespace: the container's own, or one that is shared."""
    yield '<ul class="boxes">'
    for name, whose in panel.items():
        kind = WHOSE.get(whose, "joined")
        yield f"<li{state(name, panel, changed, kind)}><b>{name}</b> <small>{html(whose)}</small></li>"
    yield "</ul>"


WHOSE = {"the host's": "shared", "its own": "own"}


def names(panel: Panel, changed: Marks) -> Iterator[str]:
    """Where there is one value for all."""
    yield "<p>"
    for name, value in both(panel, changed):
        yield f"<span{state(name, panel, changed)}>{html(name)}{'' if value == MADE else f' {html(value)}'}</span> "
    yield "</p>"


def lamps(panel: Panel, changed: Marks) -> Iterator[str]:
    """A lamp for each capability: bright where it is effective, half where it may become so, out where it is lost."""
    lights = {name: light(sets) for name, sets in panel.items()}
    count = Counter(lights.values())
    yield '<ul class="lamps" aria-hidden="true">'
    for name, lit in lights.items():
        about = f"{name}: {panel[name]}"
        yield f'<li{state(name, panel, changed, lit)} title="{html(about)}"></li>'
    yield "</ul>"
    if panel:
        yield f"<p>{count['lit']} of {len(panel)} effective, {count['dim']} more to be had, {count['out']} given up</p>"


def light(sets: str) -> str:
    if "effective" in sets:
        return "lit"
    return "out" if sets == NOTHING else "dim"


def files(panel: Panel, changed: Marks) -> Iterator[str]:
    """Mounts below what they are mounted on; places that are only covered, in a line."""
    covered = {name for name, value in both(panel, changed) if value.endswith("if it is there")}
    yield '<ul class="tree">'
    for name, value in as_tree([*both(panel, changed)]):
        if name not in covered:
            depth = name.count("/") if name.startswith("/") and len(name) > 1 else 0
            row = f"{was(name, panel, changed)}{html(value)}"
            yield f'<li{state(name, panel, changed)} style="--depth:{depth}"><b>{html(name)}</b> {row}</li>'
    yield "</ul>"
    for title, is_hidden in (("hidden", True), ("read-only", False)):
        names = [name for name in covered_in_order(panel, covered) if panel[name].startswith("hidden") is is_hidden]
        if names:
            places = (f"<span{state(name, panel, changed)}>{html(name)}</span>" for name in names)
            yield f'<p class="covered"><b>{title}</b> {" ".join(places)}</p>'


def as_tree(rows: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Each mount behind what it lies on, and else in the order in which they came."""
    order = {name: number for number, (name, _value) in enumerate(rows)}

    def way(row: tuple[str, str]) -> list[int]:
        name = row[0]
        above = [number for other, number in order.items() if name.startswith(f"{other.rstrip('/')}/")]
        return [*sorted(above), order[name]]

    return sorted(rows, key=way)


def covered_in_order(panel: Panel, covered: set[str]) -> list[str]:
    return [name for name in panel if name in covered]


BODIES: Mapping[str, Callable[[Panel, Marks], Iterator[str]]] = {
    "namespaces": boxes,
    "capabilities": lamps,
    "mounts": files,
    "devices": names,
    "books": names,
}


# ---- on paper


def on_paper(explanation: Explanation) -> Iterator[str]:
    """For each chapter, what it has changed, as it is at its end."""
    yield '<div class="paper">'
    for band in explanation.sections():
        first, last = band[0], band[-1]
        before, after = explanation.stages[first.number - 1], explanation.stages[last.number]
        panels = [name for name in TITLES if before[name] != after[name]]
        yield f'<div class="frame"><h3>{html(first.chapter)}: {html(CHAPTERS[first.chapter].meaning)}</h3>'
        yield from paper_panels(band, panels, explanation)
        yield "</div>"
    yield "</div>"


def paper_panels(band: Sequence[Told], panels: Sequence[str], explanation: Explanation) -> Iterator[str]:
    after = explanation.stages[band[-1].number]
    yield '<div class="stage">'
    for name in panels:
        changed = {one: was for told in reversed(band) for one, was in marks(told.changes, name).items()}
        body = "".join(BODIES.get(name, facts)(after[name], changed))
        yield f'<div class="panel {name}"><h4>{TITLES[name]}</h4>{body}</div>'
    yield "</div>"
