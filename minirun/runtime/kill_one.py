"""A signal for one process, which is held by a descriptor meanwhile: its number may become another's."""

from __future__ import annotations

import os
from errno import ESRCH

from ..errors import StateError, reason
from ..kernel import signals
from ..kernel.libc import SystemCallError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .books import Container


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
