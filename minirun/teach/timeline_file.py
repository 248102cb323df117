"""A timeline as a file: the Chrome trace-event format (complete events, "X", in microseconds), written and read.

Perfetto, at ui.perfetto.dev or offline, and chrome://tracing draw it; `explain --timing` takes the durations from it.
"""

from __future__ import annotations

import json

from ..errors import StateError
from ..steps.step import RUNTIME
from .text import WHO, safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ..steps.step import Step
    from .explanation import Told

    Event = dict[str, Any]


def written(
    steps: Sequence[Step],
    times: Sequence[tuple[int, int]],
    undone: Sequence[tuple[int, int, int]],
    pids: Mapping[str, int],
) -> str:
    """The file. A step of unknown begin or end is not in it."""
    events = [name_event(process, pid) for process, pid in pids.items()]
    for index, (begun, ended) in enumerate(times):
        if begun and ended:
            events.append(event(steps[index], index, begun, ended, pids.get(steps[index].runs_in, 0)))
    for index, begun, ended in undone:
        taken_back = event(steps[index], index, begun, ended, pids[RUNTIME])
        events.append(taken_back | {"name": f"take back: {taken_back['name']}", "cat": "taken back"})
    return json.dumps({"traceEvents": events, "displayTimeUnit": "ms"}, indent=1) + "\n"


def name_event(process: str, pid: int) -> Event:
    """What a viewer writes beside the process."""
    return {"name": "process_name", "ph": "M", "pid": pid, "tid": pid, "args": {"name": WHO[process]}}


def event(step: Step, index: int, begun: int, ended: int, pid: int) -> Event:
    told = {"number": index + 1, "process": step.runs_in, "manual": step.man, "pointer": step.place}
    return {
        "name": safe(step.describe()),
        "cat": step.chapter,
        "ph": "X",
        "ts": begun / 1000,
        "dur": max(ended - begun, 0) / 1000,  # somebody may set the clock meanwhile
        "pid": pid,
        "tid": pid,
        "args": told,
    }


def durations(path: str, steps: Sequence[Told]) -> dict[int, int]:
    """In nanoseconds, by the numbers of the steps. Raises StateError where the file is not of a run of this plan."""
    manuals = {told.number: told.manual for told in steps}
    found: dict[int, int] = {}
    for one in events_of(path):
        if one.get("ph") != "X" or one.get("cat") == "taken back":
            continue
        number, manual, length = one["args"].get("number"), one["args"].get("manual"), one.get("dur")
        if not isinstance(number, int) or manuals.get(number) != manual or not isinstance(length, (int, float)):
            raise StateError(
                f"{path} is not the timeline of a run of this plan\n"
                "  cure:  make one by run --timeline, from the same bundle and with the same options"
            )
        found[number] = int(length * 1000)
    return found


def events_of(path: str) -> list[Event]:
    """Raises StateError where that is no file, or not of this form."""
    try:
        with open(path, encoding="utf-8") as file:
            events = json.load(file)["traceEvents"]
        if all(isinstance(one, dict) and isinstance(one.get("args", {}), dict) for one in events):
            return [{"args": {}, **one} for one in events]
    except OSError as error:
        raise StateError(f"can't read {path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        pass
    raise StateError(f"{path} is no timeline\n  cure:  minirun run --timeline FILE writes one")
