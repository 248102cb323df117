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


def end(chosen: Folder, desk: Desk) -> list[str]:
    """Take away all that the lab has left; what that was. Raises StateError where something stays."""
    clear = chosen.lab.clear if desk.is_started else None
    if clear:
        clear(desk)
    removed = sweep.sweep(desk)
    desk.forget()
    return removed
