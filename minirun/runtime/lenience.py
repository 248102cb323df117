"""What a run takes although the spec has it otherwise, as runc and crun do: config.json files in use rely on it.

A run says nothing of it, because engines show every line that a runtime writes. `validate` warns.
"""

from __future__ import annotations

import os

from ..plan.mount_options import is_for_others
from ..spec.config import EXTENSION
from ..spec.load_resources import ACCESS
from ..spec.reader import escape, shown
from ..spec.sysctl import namespace_of
from .foresight import WARNING, Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# The scope is the container's cgroup: crun makes another one in it if it is told its name.
NO_SUBGROUP = (f"{EXTENSION}systemd.subgroup", "")
NICE_POLICIES = ("SCHED_OTHER", "SCHED_BATCH")


def taken_all_the_same(value: object) -> Iterator[Finding]:
    """Of the parsed JSON of a config.json, whatever else is wrong with it."""
    yield from missing_level(value)
    yield from nice_without_effect(value)
    yield from unknown_letters(value)
    yield from extensions_without_effect(value)
    yield from words_for_others(value)
    yield from parameters_of_the_host(value)


def missing_level(value: object) -> Iterator[Finding]:
    priority = at("/process/ioPriority", value)
    if isinstance(priority, dict) and priority.get("priority") is None:
        yield Finding(WARNING, "/process/ioPriority/priority", "missing, so that it is 0", "the level that is meant")


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


def extensions_without_effect(value: object) -> Iterator[Finding]:
    """config.md#annotations: they must be no error."""
    annotations = at("/annotations", value)
    pairs = annotations.items() if isinstance(annotations, dict) else ()
    extensions = [pair for pair in pairs if pair[0].startswith(EXTENSION) and pair != NO_SUBGROUP]
    if not extensions:
        return
    from ..spec.load_extensions import KNOWN

    for name, _value in extensions:
        if name not in KNOWN:
            cure = close_to(name, KNOWN) or "nothing: what crun does by it, minirun does not"
            yield Finding(WARNING, f"/annotations/{escape(name)}", "has no effect here", cure)


def close_to(name: str, names: tuple[str, ...]) -> str:
    import difflib  # late: it is slow to import

    close = difflib.get_close_matches(name, names, n=1, cutoff=0.9)
    return f"{shown(close[0])}, if that is meant" if close else ""


def words_for_others(value: object) -> Iterator[Finding]:
    mounts = at("/mounts", value)
    for index, mount in enumerate(mounts if isinstance(mounts, list) else ()):
        words = mount.get("options") if isinstance(mount, dict) else None
        for number, word in enumerate(words if isinstance(words, list) else ()):
            if isinstance(word, str) and word != "defaults" and is_for_others(word):
                place = f"/mounts/{index}/options/{number}"
                yield Finding(WARNING, place, f"{shown(word)} has no effect", "options of mount(2), not of mount(8)")


def parameters_of_the_host(value: object) -> Iterator[Finding]:
    """Of its network, where root has named that."""
    sysctl, namespaces = at("/linux/sysctl", value), at("/linux/namespaces", value)
    keys = [key for key in sysctl if namespace_of(key) == "network"] if isinstance(sysctl, dict) else []
    if keys and isinstance(namespaces, list) and any(map(is_own_network, namespaces)):
        for key in keys:
            cure = "a new network namespace, if it is meant for the container alone"
            yield Finding(WARNING, f"/linux/sysctl/{escape(key)}", "will be set for the whole host", cure)


def is_own_network(namespace: object) -> bool:
    if not isinstance(namespace, dict) or namespace.get("type") != "network":
        return False
    try:
        return os.path.samestat(os.stat(str(namespace.get("path"))), os.stat("/proc/self/ns/net"))
    except (OSError, ValueError):  # nothing is there, or it is no path
        return False


def at(pointer: str, value: object) -> object:
    """What is there; None where the way ends before."""
    for name in pointer.split("/")[1:]:
        value = value.get(name) if isinstance(value, dict) else None
    return value
