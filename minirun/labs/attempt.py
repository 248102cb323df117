"""One try at a lab, from `start` to `reset`."""

from __future__ import annotations

import os

from ..errors import StateError
from . import sweep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .catalogue import Folder
    from .desk import Desk


def begin(chosen: Folder, desk: Desk, runtime: str | None) -> None:
    """Make what the lab needs, or nothing. Raises StateError where it can't be done here, by this user."""
    lab = chosen.lab
    why = lab.missing()
    if why:
        raise StateError(f"lab {desk.number} can't be done here: {why}")
    if runtime and not lab.runtimes:
        raise StateError(f"lab {desk.number} is the same with any runtime\n  cure:  leave --runtime out")
    refuse_what_is_there(desk)
    desk.runtime = runtime or desk.runtime
    desk.note()  # so that `reset` finds it, should this process be killed
    try:
        os.makedirs(desk.directory, exist_ok=True)
        if lab.make:
            lab.make(desk)
        desk.note()
    except BaseException:
        end(chosen, desk)
        raise


def refuse_what_is_there(desk: Desk) -> None:
    """Else the lab's reset would take away what somebody else has given such a name: a server lab01, a directory of a
    teacher's. Raises StateError."""
    there = sweep.left(desk)
    if there:
        raise StateError(
            f"lab {desk.number} would take this for its own: {', '.join(there)}\n"
            f"  cure:  give it another name; or minirun lab reset {desk.number}, which removes it"
        )


def end(chosen: Folder, desk: Desk) -> list[str]:
    """Take away all that the lab has left; what that was. Raises StateError where something stays."""
    from ..runtime.run import check_proc

    check_proc()  # in a new PID namespace with the old /proc, its numbers would be those of others
    clear = chosen.lab.clear if desk.is_started else None
    if clear:
        clear(desk)
    removed = sweep.sweep(desk)
    desk.forget()
    return removed
