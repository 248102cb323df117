"""Which processes are a container's: those in its cgroup, or if it has none of its own, those in its pid namespace."""

from __future__ import annotations

import os

from ..cgroups.members import pids
from ..cgroups.tree import Restless
from ..errors import StateError
from ..kernel import processes
from .books import CREATED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .books import Container


def processes_of(container: Container) -> list[int]:
    """As this process sees them, in order. Raises StateError where they can't be told from others."""
    if not container.cgroup:
        return in_pid_namespace(container)
    try:
        container.own_cgroup()
        return pids(container.remaining_cgroup())
    except Restless:
        raise StateError(
            "the container makes cgroups faster than one can look into them\n  cure:  minirun pause, first"
        ) from None


def in_pid_namespace(container: Container) -> list[int]:
    """Those in the namespace of the container's process, and their children, who may be in one further below."""
    if container.status() == CREATED:
        return [container.pid]  # and closed to tracers, so that its namespaces can't be seen
    own = pid_namespace_of(container.pid)
    if own is None or not container.is_alive():
        return []
    if not processes.is_first(container.pid):
        if container.is_alive():  # it has joined others, or has stayed with those of the host
            container.own_cgroup()  # which says that there is none
        return []
    parents = {int(name): parent_of(int(name)) for name in os.listdir("/proc") if name.isdigit()}
    found = {pid for pid in parents if pid_namespace_of(pid) == own}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found)


def pid_namespace_of(pid: int) -> int | None:
    """The identity of its pid namespace; None where it has ended, or is another user's."""
    try:
        return os.stat(f"/proc/{pid}/ns/pid").st_ino
    except OSError:
        return None


def parent_of(pid: int) -> int:
    stat = processes.stat_fields(pid)
    return int(stat[1]) if stat else 0  # it has ended
