"""What a run takes although the spec has it otherwise, as runc and crun do: config.json files in use rely on it.

A run says nothing of it, because engines show every line that a runtime writes. `validate` warns.
"""

from __future__ import annotations

from .foresight import WARNING, Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# Numbers that the spec calls REQUIRED in its text, but not in its JSON schema.
TAKEN_FOR_0 = (("/process/user", "uid"), ("/process/user", "gid"), ("/process/ioPriority", "priority"))

NICE_POLICIES = ("SCHED_OTHER", "SCHED_BATCH")


def taken_all_the_same(value: object) -> Iterator[Finding]:
    """Of the parsed JSON of a config.json, whatever else is wrong with it."""
    yield from missing_numbers(value)
    yield from nice_without_effect(value)


def missing_numbers(value: object) -> Iterator[Finding]:
    for place, name in TAKEN_FOR_0:
        holder = at(place, value)
        if isinstance(holder, dict) and holder.get(name) is None:
            yield Finding(WARNING, f"{place}/{name}", "missing, so that it is 0", "the number that is meant")


def nice_without_effect(value: object) -> Iterator[Finding]:
    """sched(7)"""
    scheduler = at("/process/scheduler", value)
    if isinstance(scheduler, dict) and scheduler.get("nice") and scheduler.get("policy") not in NICE_POLICIES:
        yield Finding(
            WARNING, "/process/scheduler/nice", "has no effect with this policy", f"one of {', '.join(NICE_POLICIES)}"
        )


def at(pointer: str, value: object) -> object:
    """What is there; None where the way ends before."""
    for name in pointer.split("/")[1:]:
        value = value.get(name) if isinstance(value, dict) else None
    return value
