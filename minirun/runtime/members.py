"""Which processes are a container's: those in its cgroup, or if it has none of its own, those in its pid namespace."""

from __future__ import annotations

import os
import signal

from ..cgroups.members import pids
from ..kernel import files, processes, signals
from ..steps.cgroup import kill_cgroup
from .books import CREATED, Container
from .freezer import Standstill, Undisturbed


def processes_of(container: Container) -> list[int]:
    """As this process sees them, in order. Raises StateError where they can't be told from others."""
    return pids(container.remaining_cgroup()) if container.cgroup else in_pid_namespace(container)


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
    found = bool(processes_of(container))
    if found and number == signal.SIGKILL:
        kill_cgroup(container.cgroup)  # all at once, also those that are forked meanwhile
    elif found:
        with Undisturbed(), Standstill(container.cgroup):  # none forks, and no pid changes hands
            for pid in pids(container.cgroup):
                signal_pid(pid, number)
    return found


def signal_pid(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass  # it ended before it stood still


def signal_namespace(container: Container, number: int) -> bool:
    """Without a cgroup they can't be made to stand still. With SIGKILL none escapes: the kernel ends all when the first
    of the namespace ends (pid_namespaces(7)). Another signal may miss what is forked just now."""
    found = processes_of(container)
    for pid in [container.pid] if found and number == signal.SIGKILL else found:
        try:
            process = signals.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            if pid in processes_of(container):  # the number may have become another process's before it was held
                signals.pidfd_send_signal(process, number)
        except ProcessLookupError:
            pass  # it has ended
        finally:
            os.close(process)
    return bool(found)
