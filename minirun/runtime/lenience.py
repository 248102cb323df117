"""What a run takes although the spec has it otherwise, as runc and crun do: config.json files in use rely on it.

A run says nothing of it, because engines show every line that a runtime writes. `validate` warns.
"""

from __future__ import annotations

from ..spec.load_resources import ACCESS
from ..spec.reader import shown
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
    yield from unknown_letters(value)


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


def unknown_letters(value: object) -> Iterator[Finding]:
    rules = at("/linux/resources/devices", value)
    for index, rule in enumerate(rules if isinstance(rules, list) else ()):
        access = rule.get("access") if isinstance(rule, dict) else None
        if isinstance(access, str) and not ACCESS.isdisjoint(access) and not ACCESS.issuperset(access):
            place = f"/linux/resources/devices/{index}/access"
            yield Finding(WARNING, place, f"of {shown(access)} only r, w and m have an effect", "these letters alone")


def at(pointer: str, value: object) -> object:
    """What is there; None where the way ends before."""
    for name in pointer.split("/")[1:]:
        value = value.get(name) if isinstance(value, dict) else None
    return value
