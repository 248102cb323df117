"""A signal for every process of a container, each once, whatever these do meanwhile."""

from __future__ import annotations

import os
import time
from errno import ESRCH

from ..cgroups.members import is_populated, pids_in
from ..cgroups.tree import Restless, walk_as_it_is
from ..kernel import signals
from ..kernel.libc import SystemCallError
from ..steps.cgroup_removal import kill_cgroup
from .freezer import Standstill, Undisturbed
from .kill_one import send, signal_one
from .members import processes_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .books import Container

PATIENCE = 1.0  # seconds for a signal to reach those that don't stand still


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


def end_all(container: Container, number: int) -> bool:
    """Also its own process, should that have gone to another cgroup."""
    others = signal_all(container, number)
    return signal_one(container, number) or others


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
