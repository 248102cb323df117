"""Take back what was done, and tell what could not be."""

from __future__ import annotations

import os

from ..errors import CURE
from ..kernel import locks
from ..safe import safe
from ..steps.layout import ALL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..steps.step import Context, Step
    from .log import Log
    from .own_signals import Signals

MOMENT = 0.01  # seconds between one look and the next


def is_still_ours(descriptor: int, own: Signals) -> bool:
    """At the end of `run`, when somebody else may be removing the books: whether they are there when it has the lock
    again. Raises Interrupted."""
    while not locks.take(descriptor, ALL):
        own.sleep(MOMENT)
    return os.fstat(descriptor).st_nlink > 0


def undo(applied: list[Step], context: Context, log: Log) -> None:
    """Take back what the runtime's steps left on the host, the latest first. One failure does not stop the rest, but
    keeps the books (`context.left`): by them, `delete` tries again."""
    while applied:
        step = applied.pop()
        if step.is_undone_last and context.left:
            continue
        log.observer.undoing(step)
        try:
            step.undo(context)
        except Exception as error:
            context.left.append(step.not_undone(error))


def told_of(left: list[str], name: str) -> str:
    """What to tell of a container that is not all gone."""
    listed = "".join(f"\n  left:  {safe(what)}" for what in left)
    return f"something of container {name} is left on the host, so its books stay{listed}{CURE}{AGAIN.format(name)}"


AGAIN = "mend what keeps it, and minirun delete {} tries again"
