"""What is known of a container after the runtime that made it has ended: its directory below the state directory.

    config.json    as it was at `create`; with the options in state.json, the same plan can be made again
    state.json     pid, cgroup and whatever else only the making could know
    start          the socket on which a created container waits
    lock           who makes, starts, changes or removes the container holds it (lock.py)

Nobody writes down a status: it is asked from the kernel each time, so it can't be wrong. A pid alone would not do,
since it may be given to another process; with its start time it is unique.
"""

from __future__ import annotations

import os

from ..errors import CURE, SHORTAGES, StateError
from ..kernel import files, processes, signals
from ..kernel.libc import SystemCallError
from ..record import Record
from ..safe import safe
from .directory import damaged, is_locked, read_state, refuse_others, trusted_owner
from .facts import FACTS, what_is_wrong

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CREATING, CREATED, RUNNING, PAUSED, STOPPED = "creating", "created", "running", "paused", "stopped"
ALIVE = (CREATED, RUNNING, PAUSED)


class Container(Record):
    """A container's state.json, read."""

    directory: str
    facts: dict[str, Any]

    @property
    def pid(self) -> int:
        return int(self.facts["pid"])

    @property
    def cgroup(self) -> str:
        return str(self.facts["cgroup"])

    def own_cgroup(self) -> str:
        """For what is done to all of its processes. Raises StateError where it was made without one, or where nobody
        can tell whether it is there."""
        if not self.cgroup:
            rootless = self.facts["options"].get("rootless")
            raise StateError(
                "the container has no cgroup of its own, by which to know its processes\n"
                f"  cure:  make it {'with --systemd-cgroup' if rootless else 'without --cgroup-manager disabled'}"
            )
        from ..cgroups.hierarchy import OUT_OF_SIGHT, SIGHT_CURE, is_out_of_sight  # who only asks does without

        if is_out_of_sight(self.cgroup):
            raise StateError(f"{OUT_OF_SIGHT.format(self.cgroup)}{CURE}{SIGHT_CURE}")
        return self.cgroup

    def remaining_cgroup(self) -> str:
        """ "" where there is another's by now: a scope goes with its last process, and its name is free again."""
        from ..cgroups.members import is_another

        return "" if is_another(self.cgroup, self.facts.get("cgroupInode", 0)) else self.cgroup

    def owner(self) -> str:
        """The user who made it, by name where there is one."""
        import pwd

        try:
            uid = os.stat(self.directory).st_uid
        except OSError:
            return ""  # it has just been deleted
        try:
            return pwd.getpwuid(uid).pw_name
        except KeyError:
            return str(uid)

    def open_process(self) -> int:
        """A pidfd of the container's process, -1 when it has ended. A zombie has ended."""
        try:
            descriptor = signals.pidfd_open(self.pid)
        except SystemCallError as error:
            if error.errno in SHORTAGES:  # that is no answer
                raise
            return -1
        if self.is_alive():
            return descriptor
        os.close(descriptor)
        return -1

    def is_alive(self) -> bool:
        return self.stat() is not None

    def stat(self) -> list[str] | None:
        """proc_pid_stat(5) of the container's process, read once: at a second look it may be gone. None when it has
        ended."""
        stat = processes.stat_fields(self.pid, self.facts["pidStartTime"])
        return None if stat is None or processes.has_ended(stat) else stat

    def status(self) -> str:
        if not self.facts["complete"]:
            return CREATING if is_locked(self.directory) else STOPPED
        stat = self.stat()
        if stat is None:
            return STOPPED
        if is_frozen(self.cgroup):
            return PAUSED  # a created one, too: what waits for `start` can't hear it
        if self.facts["options"].get("restored"):  # it is a child that has called no execve(2) here
            return RUNNING
        return RUNNING if processes.has_executed(stat) else CREATED

    def state(self) -> dict[str, Any]:
        """What `state` prints (runtime.md#state), with what other runtimes add to it."""
        status = self.status()
        state = {
            "ociVersion": self.facts["ociVersion"],
            "id": self.facts["id"],
            "pid": 0 if status == STOPPED else self.pid,
            "status": status,
            "bundle": self.facts["bundle"],
            "rootfs": self.facts["rootfs"],
            "created": rfc3339(self.facts["created"]),
        }
        if self.facts["annotations"]:
            state["annotations"] = dict(sorted(self.facts["annotations"].items()))
        return state | {"owner": self.owner()}


def is_frozen(cgroup: str) -> bool:
    try:
        return "frozen 1" in files.read_file(f"{cgroup}/cgroup.events").split("\n")
    except OSError as error:
        if error.errno in SHORTAGES:
            raise
        return False


def rfc3339(seconds: float) -> str:
    """Seconds since 1970 as RFC 3339 has them, in nanoseconds."""
    import time

    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds % 1 * 1e9):09}Z"


def find_own(root: str, name: str) -> Container:
    """The container of this id, for who acts by what its books say. Raises StateError."""
    refuse_others(root, name)
    return find(root, name, trusted_owner())


def find(root: str, name: str, owner: int | None = None) -> Container:
    """The container of this id, for who looks; only if the books are of `owner`. Raises StateError."""
    directory = f"{root}/{name}"
    facts = read_state(root, name, owner)
    wrong = what_is_wrong(facts, FACTS)
    if wrong:
        raise damaged(directory, f"state.json has no {wrong}, or a wrong one")
    if facts["id"] != name:  # a copy, or it was given another name: what it tells of is not in here
        raise damaged(directory, f"state.json is that of {facts['id']!r}")
    return Container(directory, facts)


def signal_number(word: str) -> int:
    """9, KILL, SIGKILL, kill -> 9; 0 asks only whether there is a process: kill(2). Raises StateError."""
    if word.isascii() and word.isdigit() and len(word) < 5 and int(word) in range(signals.NSIG):
        return int(word)
    name = word.upper().removeprefix("SIG")
    number = signals.numbers().get(f"SIG{name}") or real_time_number(name)
    if number is None:
        from .near_misses import nearest  # after a mistake there is time

        close = nearest(f"SIG{name}", tuple(signals.numbers())).removeprefix("SIG")
        meant = f"; did you mean {close}?" if close else ""
        raise StateError(
            f'unknown signal "{safe(word)}"{meant}\n  allowed: a number from 0 to 64, or a name such as TERM: signal(7)'
        )
    return number


def real_time_number(name: str) -> int | None:
    """RTMIN+3, by which systemd is asked to end (systemd(1)), and RTMAX-1 -> their numbers; None for all else."""
    for base, sign, first in (("RTMIN", "+", signals.SIGRTMIN), ("RTMAX", "-", signals.SIGRTMAX)):
        beside = name.removeprefix(base + sign)
        if beside != name and beside.isascii() and beside.isdigit() and len(beside) < 3:
            number = int(f"{sign}{beside}") + first
            return number if signals.SIGRTMIN <= number <= signals.SIGRTMAX else None
    return None
