"""Which processes are a container's: those in its cgroup, or if it has none of its own, those in its pid namespace."""

from __future__ import annotations

import os
import time
from errno import ESRCH

from ..cgroups.members import is_populated, pids, pids_in
from ..cgroups.tree import Restless, walk_as_it_is
from ..errors import StateError, reason
from ..kernel import files, processes, signals
from ..kernel.libc import SystemCallError
from ..steps.cgroup import kill_cgroup
from .books import CREATED, Container
from .freezer import Standstill, Undisturbed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 1.0  # seconds for a signal to reach those that don't stand still


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
    if not is_first(container.pid):
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


def is_first(pid: int) -> bool:
    """Whether it is number 1 of its pid namespace, and so the reason that this is there: pid_namespaces(7)."""
    try:
        lines = files.read_file(f"/proc/{pid}/status").splitlines()
    except OSError:
        return False  # it has ended
    return any(line.startswith("NSpid:") and line.split()[-1] == "1" for line in lines)


def parent_of(pid: int) -> int:
    stat = processes.stat_fields(pid)
    return int(stat[1]) if stat else 0  # it has ended


# ---- signals


def signal_all(container: Container, number: int) -> bool:
    """To every process of the container; False if there is none. Raises StateError."""
    if not container.cgroup:
        return signal_namespace(container, number)
    container.own_cgroup()
    cgroup = container.remaining_cgroup()
    if not is_populated(cgroup):
        return False
    if number == signals.SIGKILL:
        kill_cgroup(cgroup)  # all at once, also those that are forked meanwhile
    else:
        with Undisturbed(), Standstill(cgroup):  # none forks, or goes to another cgroup
            signal_cgroup(cgroup, number)
    return True


def signal_cgroup(cgroup: str, number: int) -> None:
    """To each once. Where a container keeps its processes from standing still, one may be missed that was forked, or
    went to another cgroup, just now; as long as some are new, they are looked for again."""
    told: set[int] = set()
    deadline = time.monotonic() + PATIENCE
    before = -1
    while before < len(told) and time.monotonic() < deadline:
        before = len(told)
        try:
            for directory, name in walk_as_it_is(cgroup):
                told.update(signal_members(directory, name, number, told))
        except Restless:
            return


def signal_members(directory: int, name: str, number: int, told: set[int]) -> set[int]:
    """To those of one cgroup that have not been told; which these are. A pid that stands there again, when one has got
    hold of the process, has not become another's meanwhile."""
    new = [pid for pid in pids_in(directory, name) if pid not in told]
    reached: set[int] = set()
    for first in range(0, len(new), AT_ONCE):
        held = dict(hold(new[first : first + AT_ONCE]))
        try:
            for pid in held.keys() & set(pids_in(directory, name)):
                reached.add(pid)
                send(held[pid], number)
        finally:
            for process in held.values():
                os.close(process)
    return reached


AT_ONCE = 50  # descriptors


def hold(wanted: list[int]) -> Iterator[tuple[int, int]]:
    """Pids with their pidfds, of those that are still there."""
    for pid in wanted:
        try:
            yield pid, signals.pidfd_open(pid)
        except SystemCallError as error:
            if error.errno != ESRCH:  # it has ended
                raise


def send(process: int, number: int) -> bool:
    """To the process of a pidfd; False if it has ended. Raises StateError where that is not the caller's to do."""
    try:
        signals.pidfd_send_signal(process, number)
    except SystemCallError as error:
        if error.errno == ESRCH:
            return False
        raise StateError(f"can't send signal {number} to the container: {reason(error)}") from None
    return True


def signal_namespace(container: Container, number: int) -> bool:
    """Without a cgroup they can't be made to stand still. With SIGKILL none escapes: the kernel ends all when the first
    of the namespace ends (pid_namespaces(7)). Another signal may miss what is forked just now."""
    found = processes_of(container)
    for pid, process in hold([container.pid] if found and number == signals.SIGKILL else found):
        try:
            if pid in processes_of(container):  # the number may have become another process's before it was held
                send(process, number)
        finally:
            os.close(process)
    return bool(found)
