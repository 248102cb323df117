"""Send a signal to a container (runtime.md#kill)."""

from __future__ import annotations

import os
from errno import ESRCH

from ..errors import StateError, reason
from ..kernel import processes, signals
from ..kernel.libc import SystemCallError
from .books import STOPPED, find_own

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .books import Container


def kill(root: str, name: str, number: int, *, everything: bool = False) -> None:
    """Send a signal to the container's process, or to all of its processes. Raises StateError.

    Of one that has ended, `everything` may be nothing. Without that word it is as the spec has it: an error, and
    whatever is left of the container goes on.
    """
    container = find_own(root, name)
    if not reach(container, number, everything) and not (everything and container.status() == STOPPED):
        raise StateError(f"container not running: {name}")


def reach(container: Container, number: int, everything: bool) -> bool:
    """Whether there was somebody to send it to."""
    if not everything and not (number == signals.SIGKILL and leaves_others(container)):
        return signal_one(container, number)
    from . import kill_all  # it takes far more

    return kill_all.signal_all(container, number) if everything else kill_all.end_all(container, number)


def leaves_others(container: Container) -> bool:
    """Whether the rest of the container would outlive its process: that is not the first of a pid namespace, by whose
    end the kernel ends them (pid_namespaces(7)). Without a cgroup of its own, nobody knows which they are."""
    return bool(container.cgroup) and container.is_alive() and not processes.is_first(container.pid)


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
