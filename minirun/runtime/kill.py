"""Send a signal to a container (runtime.md#kill)."""

from __future__ import annotations

import os
from errno import ESRCH

from ..errors import StateError, reason
from ..kernel import signals
from ..kernel.libc import SystemCallError
from .books import find_own

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .books import Container


def kill(root: str, name: str, number: int, *, everything: bool = False) -> None:
    """Send a signal to the container's process, or to all of its processes. Raises StateError."""
    container = find_own(root, name)
    reach = signal_one
    if everything:
        from .kill_all import signal_all as reach  # it takes far more
    if not reach(container, number):
        raise StateError(f"container not running: {name}")


def signal_one(container: Container, number: int) -> bool:
    """To the container's process; False if that has ended."""
    process = container.open_process()
    if process < 0:
        return False
    try:
        return send(process, number)
    finally:
        os.close(process)


def send(process: int, number: int) -> bool:
    """To the process of a pidfd; False if it has ended. Raises StateError where that is not the caller's to do."""
    try:
        signals.pidfd_send_signal(process, number)
    except SystemCallError as error:
        if error.errno == ESRCH:
            return False
        raise StateError(f"can't send signal {number} to the container: {reason(error)}") from None
    return True
