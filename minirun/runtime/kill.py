"""Send a signal to a container (runtime.md#kill)."""

from __future__ import annotations

from ..errors import StateError
from ..kernel import processes, signals
from .books import STOPPED, find_own
from .kill_one import signal_one

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
