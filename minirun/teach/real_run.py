"""A run that has been, as its timeline tells (timeline_file.py): for the pictures of a plan that was walked down."""

from __future__ import annotations

from ..errors import StateError
from ..record import Record
from ..safe import safe
from .timeline_file import LONGEST, SEEN, TAKEN_BACK, events_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import TypeGuard

    from .explanation import Told
    from .panels import Stage
    from .timeline_file import Event


class RealRun(Record):
    """Times in nanoseconds since its beginning, by the numbers of the steps."""

    begun: Mapping[int, int] = {}
    durations: Mapping[int, int] = {}
    results: Mapping[int, str] = {}  # what came of a step, where the plan could not know it
    failed: int = 0  # the step that ended the run; 0 where none did
    why: str = ""
    seen_after: int = 0  # the step after which the process was looked at; 0 where nobody did
    seen: Stage = {}


def real_run(path: str, steps: Sequence[Told]) -> RealRun:
    """Raises StateError where the file is not of a run of this plan."""
    events = events_of(path)
    known = {told.number: told for told in steps}
    done = dict(numbered(path, events, known))
    failed = max((number for number, one in done.items() if "failed" in one["args"]), default=0)
    seen_after, seen = picture(path, events, known)
    return RealRun(
        begun={number: one["ts"] * 1000 for number, one in done.items() if is_whole(one.get("ts"))},
        durations={number: one["dur"] * 1000 for number, one in done.items()},
        results={number: safe(str(one["args"]["result"])) for number, one in done.items() if one["args"].get("result")},
        failed=failed,
        why=safe(str(done[failed]["args"]["failed"])) if failed else "",
        seen_after=seen_after,
        seen=seen,
    )


def numbered(path: str, events: Sequence[Event], known: Mapping[int, Told]) -> Iterator[tuple[int, Event]]:
    """What is of a step that was done, with its number."""
    for one in events:
        if one.get("ph") != "X" or one.get("cat") == TAKEN_BACK:
            continue
        number, args = one["args"].get("number"), one["args"]
        if not (is_whole(number) and is_whole(one.get("dur"))) or not is_of(known.get(number), args):
            raise of_another_plan(path)
        yield number, one


def is_of(told: Told | None, args: Mapping[str, object]) -> bool:
    origin = (args.get("process"), args.get("manual"), args.get("pointer"))
    return told is not None and origin == (told.process, told.manual, told.pointer)


def picture(path: str, events: Sequence[Event], known: Mapping[int, Told]) -> tuple[int, Stage]:
    """What somebody has seen who looked at the process (--narrate=full), and after which step."""
    for one in events:
        if one.get("cat") == SEEN:
            number, panels = one["args"].get("number"), one["args"].get("panels")
            if not is_whole(number) or number not in known or not is_stage(panels):
                raise of_another_plan(path)
            return number, panels
    return 0, {}


def is_stage(panels: object) -> TypeGuard[Stage]:
    return isinstance(panels, dict) and all(
        isinstance(panel, dict) and all(isinstance(value, str) for value in panel.values()) for panel in panels.values()
    )


def of_another_plan(path: str) -> StateError:
    return StateError(
        f"{safe(path)} is not the timeline of a run of this plan\n"
        "  cure:  make one by run --timeline, from the same bundle and with the same options"
    )


def is_whole(number: object) -> TypeGuard[int]:
    """Somebody may have written the file by hand: JSON has numbers of any size, and Python reads NaN, too."""
    return isinstance(number, int) and 0 <= number < LONGEST
