"""The file of `run --timeline` as records: what was done, by whom, from when to when.

Anybody may have written such a file, and a viewer takes what it can; here, what is not as minirun writes it is an
error.
"""

from __future__ import annotations

from ..errors import StateError
from ..record import Record
from ..safe import safe
from ..teach.real_run import is_whole
from ..teach.timeline_file import TAKEN_BACK, events_and_facts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LATEST_DIGITS = 19  # of nanoseconds since 1970: more do not fit into 64 bits


class Recorded(Record):
    """One step. Microseconds are counted from the beginning of the run."""

    sentence: str
    chapter: str
    number: int
    process: str
    manual: str
    pointer: str
    pid: int
    begun: int
    microseconds: int
    result: str  # what came of it, where the plan could not know it
    failure: str  # why it has ended the run; "" where it has not

    @property
    def is_undone(self) -> bool:
        """It was taken back then, not done."""
        return self.chapter == TAKEN_BACK


class Recording(Record):
    container: str  # "" in a file that does not say it
    began: int  # nanoseconds since 1970; 0 in such a file
    steps: tuple[Recorded, ...]  # in the order of their beginnings


def recording(path: str) -> Recording:
    """Raises StateError where that is no timeline."""
    events, facts = events_and_facts(path)
    try:
        steps = [recorded(event) for event in events if event.get("ph") == "X"]
        began, container = facts.get("began", "0"), facts.get("container", "")
        if not (isinstance(container, str) and began.isascii() and began.isdigit() and len(began) <= LATEST_DIGITS):
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError):
        raise StateError(f"{safe(path)} is no timeline\n  cure:  minirun run --timeline FILE writes one") from None
    return Recording(safe(container), int(began), tuple(sorted(steps, key=lambda step: step.begun)))


def recorded(event: dict[str, Any]) -> Recorded:
    """Raises ValueError, KeyError."""
    told = event["args"]
    texts = (event["name"], event["cat"], *(told[name] for name in ("process", "manual", "pointer")))
    more = tuple(told.get(name, "") for name in ("result", "failed"))
    numbers = (told["number"], event["pid"], event["ts"], event["dur"])
    if not (all(isinstance(text, str) for text in texts + more) and all(map(is_whole, numbers))):
        raise ValueError
    sentence, chapter, process, manual, pointer = map(safe, texts)
    number, pid, begun, length = numbers
    return Recorded(sentence, chapter, number, process, manual, pointer, pid, begun, length, *map(safe, more))
