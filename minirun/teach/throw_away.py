"""Whether this machine is one that may break: a container without its protections, and a student who attacks from in
there, do to the machine what the protections are there to stop.

tests/vm/provision makes the mark, so the test machine and the class's machine have it, and nobody's own.
"""

from __future__ import annotations

import os

from ..errors import CURE, StateError

MARK = "/etc/minirun-throw-away"
HOW = "sudo tests/vm/run --shell, in minirun's sources, starts one; or vagrant up (docs/classroom.md)"


def is_throw_away() -> bool:
    return os.path.exists(MARK)


def check_throw_away(what: str, otherwise: str) -> None:
    """`what` does it, `otherwise` is how to have it here all the same. Raises StateError on a machine that is not."""
    if is_throw_away():
        return
    raise StateError(
        f"{what}: a container may then do to this machine what it was kept from, and nothing says that it may break "
        f"(there is no {MARK}){CURE}a machine to throw away: {HOW}; {otherwise}"
    )
