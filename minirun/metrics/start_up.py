"""How long each chapter of a run took, from the files that `run --timeline` has written into one directory."""

from __future__ import annotations

import os

from ..errors import StateError, reason
from ..record import Record
from ..safe import safe
from .timelines import recording

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .timelines import Recorded

ENDING = ".json"


class StartUp(Record):
    """Of one run: the times of its chapters in seconds, in the order of the plan."""

    id: str
    chapters: dict[str, float]


def start_ups(directory: str) -> Iterator[StartUp]:
    """What is no timeline, or not yet, is left out, and so is a run that has failed. Of several of one container, the
    latest file counts."""
    found = {}
    for path in sorted(timelines(directory), key=modified):
        try:
            run = recording(path)
        except StateError:
            continue
        if any(step.failure for step in run.steps):
            continue  # that was no start
        name = run.container or safe(os.path.basename(path).removesuffix(ENDING))
        found[name] = StartUp(name, chapters(run.steps))
    yield from (found[name] for name in sorted(found))


def timelines(directory: str) -> list[str]:
    """Raises StateError where there is no such directory."""
    try:
        return [f"{directory}/{name}" for name in os.listdir(directory) if name.endswith(ENDING)]
    except OSError as error:
        raise StateError(
            f"can't read the timelines in {safe(directory)}: {reason(error)}\n"
            f"  cure:  mkdir it, and have runs write there: minirun run --timeline {safe(directory)}/web.json …"
        ) from None


def modified(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


def chapters(steps: Iterable[Recorded]) -> dict[str, float]:
    """The steps of each, added up. What was taken back at the end is no part of the start."""
    added: dict[str, int] = {}
    for step in steps:
        if not step.is_undone:
            added[step.chapter] = added.get(step.chapter, 0) + step.microseconds
    return {chapter: microseconds / 1e6 for chapter, microseconds in added.items()}
