"""Where the state directory is, and what lies in a container's directory below it, by name: the steps make it
(state.py), and other commands look into it (runtime/books.py), most of them without making any step."""

from __future__ import annotations

import os

DEFAULT_ROOT = "/run/minirun"
START_SOCKET = "start"  # names in a container's directory
CONFIG, STATE = "config.json", "state.json"
LOCK = "lock"

# The parts of that file, for those who may do something at the same time: who makes, starts or removes the container,
# while hooks run; who changes what its processes may use, or has them stand still. Hooks may do the latter.
LIFE, LIMITS, ALL = (0, 1), (1, 1), (0, 2)


def users_root() -> str:
    """That of a user, beside root's; "" where no login has given one."""
    place = os.environ.get("XDG_RUNTIME_DIR", "")
    return f"{place}/minirun" if place.startswith("/") else ""  # others are invalid: XDG Base Directory Specification
