"""What each state.json has (steps/state.py: WriteState), and how to tell. A disk may have been full when it was
written, or somebody has written it by hand."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Rules = Mapping[str, Callable[[object], bool]]

LAST_PID = 2**22  # proc_sys_kernel(5), pid_max
MOST_STEPS = 2**21  # some for each value that config.json may have (spec/load.py: MOST_VALUES)
LAST_SECOND = 2**38  # of a year with five digits


def is_flag(value: object) -> bool:
    return isinstance(value, bool)


def is_whole(value: object) -> bool:
    """Without true and false, which Python counts among the numbers."""
    return isinstance(value, int) and not is_flag(value)


def is_text(value: object) -> bool:
    """Such as a path can be (path_resolution(7))."""
    try:
        return isinstance(value, str) and b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:
        return False  # half a character


def is_place(value: object) -> bool:
    """An absolute path that goes down only; "" for none."""
    return isinstance(value, str) and is_text(value) and value[:1] in ("", "/") and ".." not in value.split("/")


def is_pid(value: object) -> bool:
    """0: there is no process yet."""
    return isinstance(value, int) and is_whole(value) and 0 <= value <= LAST_PID


def is_count(value: object) -> bool:
    return isinstance(value, int) and is_whole(value) and 0 <= value <= MOST_STEPS


def is_time(value: object) -> bool:
    """Neither NaN nor Infinity, which Python takes for JSON."""
    return isinstance(value, (int, float)) and not is_flag(value) and 0 <= value < LAST_SECOND


FACTS: Rules = {
    **dict.fromkeys(("ociVersion", "id", "bundle", "rootfs"), is_text),
    "pid": is_pid,
    "pidStartTime": is_whole,
    "created": is_time,
    "complete": is_flag,
    "cgroup": is_place,
    "cgroupInode": lambda value: value is None or is_whole(value),
    "made": lambda value: isinstance(value, list) and all(map(is_place, value)),
    "steps": lambda value: value is None or is_count(value),
    "annotations": lambda value: isinstance(value, dict),
    "options": lambda value: isinstance(value, dict),
}

# By the annotation of a record's field.
KINDS = {"str": is_text, "int": is_whole, "bool": is_flag}


def what_is_wrong(facts: Mapping[str, object], rules: Rules) -> str:
    """The name of one that is missing or that can't be; "" if there is none."""
    return next((name for name, is_right in rules.items() if not is_right(facts.get(name))), "")
