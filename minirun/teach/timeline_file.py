"""A timeline as a file: the Chrome trace-event format (complete events, "X", in microseconds), written and read.

Perfetto, at ui.perfetto.dev or offline, and speedscope draw it; `explain --timing` shows the run (real_run.py).
"""

from __future__ import annotations

import json

from ..errors import StateError, reason
from ..safe import safe
from ..steps.state import MakeStateDirectory
from ..steps.step import RUNTIME
from .text import WHO

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ..steps.step import Step
    from .panels import Stage

    Event = dict[str, Any]


LONGEST = 10**13  # microseconds: a third of a year
TAKEN_BACK, SEEN = "taken back", "seen"  # categories beside those of the chapters


def written(
    steps: Sequence[Step],
    times: Sequence[tuple[int, int]],
    undone: Sequence[tuple[int, int, int]],
    pids: Mapping[str, int],
    more: Mapping[int, Mapping[str, str]] | None = None,
    seen: tuple[int, Stage] | None = None,
) -> str:
    """The file. A step of unknown begin or end is not in it. `more` are further `args`, by the places of steps.
    `otherData` is for facts beside the events: whose run it was, and when it began, in nanoseconds since 1970; a text,
    since JavaScript has no whole number of that size."""
    zero = min([begun for begun, _ in times if begun] + [begun for _, begun, _ in undone], default=0)
    events = [name_event(process, pid) for process, pid in pids.items()]
    for index, (begun, ended) in enumerate(times):
        if begun and ended:
            one = event(steps[index], index, begun - zero, ended - zero, pids.get(steps[index].runs_in, 0))
            events.append(one | {"args": one["args"] | dict((more or {}).get(index, {}))})
    for index, begun, ended in undone:
        taken_back = event(steps[index], index, begun - zero, ended - zero, pids[RUNTIME])
        events.append(taken_back | {"name": f"take back: {taken_back['name']}", "cat": TAKEN_BACK})
    events += [seen_event(*seen, pids[RUNTIME])] if seen else []
    facts = {"container": id_in(steps), "began": str(zero)}
    return json.dumps({"traceEvents": events, "displayTimeUnit": "ms", "otherData": facts}, indent=1) + "\n"


def id_in(steps: Sequence[Step]) -> str:
    return next((step.id for step in steps if isinstance(step, MakeStateDirectory)), "")


def name_event(process: str, pid: int) -> Event:
    """What a viewer writes beside the process."""
    return {"name": "process_name", "ph": "M", "pid": pid, "tid": pid, "args": {"name": WHO[process]}}


def seen_event(index: int, panels: Stage, pid: int) -> Event:
    """An instant ("i"), which a viewer shows as a mark."""
    args = {"number": index + 1, "panels": panels}
    return {
        "name": "the process as seen",
        "cat": SEEN,
        "ph": "i",
        "s": "p",
        "ts": 0,
        "pid": pid,
        "tid": pid,
        "args": args,
    }


def event(step: Step, index: int, begun: int, ended: int, pid: int) -> Event:
    """Whole microseconds, counted from the beginning of the run: those since 1970 with a fraction are more than a
    double can hold, and where rounding lets two events of a process overlap, Perfetto drops one."""
    told = {"number": index + 1, "process": step.runs_in, "manual": step.man, "pointer": step.place}
    begun, ended = begun // 1000, ended // 1000
    return {
        "name": safe(step.describe()),
        "cat": step.chapter,
        "ph": "X",
        "ts": begun,
        "dur": max(ended - begun, 0),  # somebody may set the clock meanwhile
        "pid": pid,
        "tid": pid,
        "args": told,
    }


def events_of(path: str) -> list[Event]:
    """Raises StateError where that is no file, or not of this form."""
    return events_and_facts(path)[0]


def events_and_facts(path: str) -> tuple[list[Event], dict[str, Any]]:
    """The facts are {} in a file from before there were some. Raises StateError as above."""
    try:
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        events, facts = document["traceEvents"], document.get("otherData", {})
        well_formed = isinstance(facts, dict) and all(
            isinstance(one, dict) and isinstance(one.get("args", {}), dict) for one in events
        )
        if well_formed:
            return [{"args": {}, **one} for one in events], facts
    except OSError as error:
        raise StateError(f"can't read {safe(path)}: {reason(error)}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    raise StateError(f"{safe(path)} is no timeline\n  cure:  minirun run --timeline FILE writes one")
