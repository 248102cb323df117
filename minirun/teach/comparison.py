"""Two plans beside each other: what the containers have in the end that is not the same, and which steps one has alone.

The containers are compared as the pictures of their plans have them (teach/film.py), so two plans that come to the same
by other steps differ in their steps only. That the bundles have other names makes no difference.
"""

from __future__ import annotations

import json
from difflib import SequenceMatcher
from textwrap import wrap

from ..record import Record
from ..safe import safe
from .panels import changed, changes_told

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .explanation import Explanation, Told
    from .panels import Change, Stage
    from .text import Paint

BUNDLE = "the bundle"
SAME = "In the end both containers are the same, as far as their plans tell."


class Comparison(Record):
    first: str  # the bundles
    second: str
    differences: tuple[Change, ...]  # of the containers, when their programs run: `was` is of the first
    only_first: tuple[Told, ...]  # steps
    only_second: tuple[Told, ...]


def compare(first: Explanation, second: Explanation) -> Comparison:
    """Two explanations with the same id."""
    ends = [neutral(explained.stages[-1], explained.bundle) for explained in (first, second)]
    lost, new = steps_of_one(first, second)
    return Comparison(first.bundle, second.bundle, changed(*ends), lost, new)


def neutral(stage: Stage, bundle: str) -> Stage:
    return {
        title: {name: value.replace(bundle, BUNDLE) for name, value in panel.items()} for title, panel in stage.items()
    }


def steps_of_one(one: Explanation, other: Explanation) -> tuple[tuple[Told, ...], tuple[Told, ...]]:
    first, second = one.steps, other.steps
    sentences = [[told.sentence.replace(each.bundle, BUNDLE) for told in each.steps] for each in (one, other)]
    lost: list[Told] = []
    new: list[Told] = []
    for tag, begin, end, other_begin, other_end in SequenceMatcher(
        None, sentences[0], sentences[1], False
    ).get_opcodes():
        if tag != "equal":
            lost += first[begin:end]
            new += second[other_begin:other_end]
    return tuple(lost), tuple(new)


def text(found: Comparison, width: int, paint: Paint) -> str:
    return "\n".join([*lines(found, width, paint), ""])


def lines(found: Comparison, width: int, paint: Paint) -> Iterator[str]:
    yield paint("heading", f"THE CONTAINERS, when their programs run: {safe(found.first)} → {safe(found.second)}")
    for line in changes_told(found.differences) or [SAME]:
        yield from wrap(safe(line), width, initial_indent="  ", subsequent_indent="    ")
    for bundle, steps in ((found.first, found.only_first), (found.second, found.only_second)):
        if steps:
            yield ""
            yield paint("heading", f"STEPS of {safe(bundle)} only")
        for told in steps:
            place = f"  ({told.pointer})" if told.pointer else ""
            yield from wrap(f"{told.number:>5}  {safe(told.sentence + place)}", width, subsequent_indent="       ")


def to_json(found: Comparison) -> str:
    def plain(steps: tuple[Told, ...]) -> list[dict[str, object]]:
        return [{"number": told.number, "sentence": told.sentence, "pointer": told.pointer} for told in steps]

    differences = [dict(zip(change.fields, change.values())) for change in found.differences]
    steps = {"first": plain(found.only_first), "second": plain(found.only_second)}
    return json.dumps({"first": found.first, "second": found.second, "differences": differences, "steps": steps}) + "\n"
