"""What is known of a container after the runtime that made it has ended: its directory below the state directory.

    config.json    as it was at `create`; with the options in state.json, the same plan can be made again
    state.json     pid, cgroup and whatever else only the making could know
    start          the socket on which a created container waits
    lock           who changes the books holds it

Nobody writes down a status: it is asked from the kernel each time, so it can't be wrong. A pid alone would not do,
since it may be given to another process; with its start time it is unique.
"""

from __future__ import annotations

import json
import os
import signal
import stat
from errno import EACCES

from ..cgroups.members import is_another
from ..errors import StateError
from ..kernel import files, processes, signals
from ..kernel.libc import SystemCallError
from ..record import Record
from ..steps.state import LOCK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CREATING, CREATED, RUNNING, PAUSED, STOPPED = "creating", "created", "running", "paused", "stopped"
ALIVE = (CREATED, RUNNING, PAUSED)

# What each state.json has (steps/state.py: WriteState), and of which type.
FACTS: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("ociVersion", "id", "bundle", "rootfs", "cgroup"), str),
    **dict.fromkeys(("pid", "pidStartTime"), int),
    **dict.fromkeys(("annotations", "options"), dict),
    "created": (int, float),
    "complete": bool,
    "made": list,
}


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
        """For what is done to all of its processes. Raises StateError where it was made without one."""
        if not self.cgroup:
            rootless = self.facts["options"].get("rootless")
            raise StateError(
                "the container has no cgroup of its own, by which to know its processes\n"
                f"  cure:  make it {'with --systemd-cgroup' if rootless else 'without --cgroup-manager disabled'}"
            )
        return self.cgroup

    def remaining_cgroup(self) -> str:
        """ "" where there is another's by now: a scope goes with its last process, and its name is free again."""
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
        except SystemCallError:
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
        if not processes.has_executed(stat):
            return CREATED
        return PAUSED if is_frozen(self.cgroup) else RUNNING

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
            "owner": self.owner(),
        }
        if self.facts["annotations"]:
            state["annotations"] = self.facts["annotations"]
        return state


def is_locked(directory: str) -> bool:
    """Whether a `create` is at work, or a `delete`."""
    try:
        os.close(files.lock(f"{directory}/{LOCK}", wait=False))
    except OSError:
        return True
    return False


def is_frozen(cgroup: str) -> bool:
    try:
        return "frozen 1" in files.read_file(f"{cgroup}/cgroup.events").split("\n")
    except OSError:
        return False


def rfc3339(seconds: float) -> str:
    """Seconds since 1970 as RFC 3339 has them, in nanoseconds."""
    import time

    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds % 1 * 1e9):09}Z"


def find(root: str, name: str) -> Container:
    """The container of this id. Raises StateError."""
    directory = f"{root}/{name}"
    facts = read_facts(root, name)
    if not isinstance(facts, dict) or "complete" not in facts:  # runc's files have the same name
        raise StateError(f"{directory} is not minirun's: another runtime keeps its books there\n  cure:  --root DIR")
    for fact, kind in FACTS.items():
        if not isinstance(facts.get(fact), kind):
            raise damaged(directory, f"state.json has no {fact}, or a wrong one")
    return Container(directory, facts)


def read_facts(root: str, name: str) -> Any:
    path = f"{root}/{name}/state.json"
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # of a user's books root would wait at a FIFO for ever
            raise damaged(f"{root}/{name}", "state.json is no regular file")
        return json.loads(files.read_file(path))
    except OSError as error:
        raise unreadable(root, name, error) from None
    except ValueError as error:
        raise damaged(f"{root}/{name}", f"state.json is no JSON ({error})") from None


def ids(root: str) -> list[str]:
    """The ids of all containers. Raises StateError."""
    try:
        return sorted(os.listdir(root))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError:
        raise closed(root) from None


def closed(place: str) -> StateError:
    return StateError(
        f"can't look into {place}: it belongs to another user\n"
        "  cure:  sudo, or --root DIR; without it minirun looks at your own containers"
    )


def unreadable(root: str, name: str, error: OSError) -> StateError:
    return closed(f"{root}/{name}") if error.errno == EACCES else unknown(root, name)


def refuse_others(root: str, name: str) -> None:
    """The books say which files to remove and write, which processes to kill and what to run (hooks). Whoever wrote
    them could so have root do anything; root's own are closed to others. Raises StateError."""
    place = f"{root}/{name}"
    try:
        owner = os.lstat(place).st_uid  # not of what a symlink may lead to
    except OSError:
        return  # there is nothing to go by
    if os.geteuid() == 0 and owner != 0:
        raise StateError(
            f"the container {name} is user {owner}'s, who may have written anything for root to do: see {place}\n"
            f"  cure:  as that user: sudo -u '#{owner}' minirun --root {root} …"
        )


def unknown(root: str, name: str) -> StateError:
    if os.path.isdir(f"{root}/{name}"):
        return StateError(
            f"container {name} is not created yet\n  cure:  if that has been given up, minirun delete --force {name}"
        )
    import difflib  # after a mistake there is time

    close = difflib.get_close_matches(name, ids(root), n=1)
    meant = f"did you mean {close[0]}? " if close else ""
    return StateError(f"container does not exist: {name}\n  cure:  {meant}minirun list names those that do")


def damaged(directory: str, what: str) -> StateError:
    """Without its books nothing can be told, or taken back, of a container: minirun would have to guess what is its."""
    name = os.path.basename(directory)
    return StateError(
        f"the books of container {name} are damaged: {directory}: {what}\n"
        f"  cure:  by hand: echo 1 > cgroup.kill in its cgroup, by default minirun/{name}, and rmdir that; "
        f"then rm -r {directory}"
    )


class Lock:
    """The exclusive right to change a container's books."""

    def __init__(self, root: str, name: str) -> None:
        """Waits for it. Raises StateError: the container is gone, maybe just now, or another user's."""
        refuse_others(root, name)
        try:
            self.descriptor = files.lock(f"{root}/{name}/{LOCK}")
        except OSError as error:
            raise unreadable(root, name, error) from None
        if os.fstat(self.descriptor).st_nlink == 0:
            self.release()
            raise unknown(root, name)

    def release(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def signal_number(word: str) -> int:
    """9, KILL, SIGKILL, kill -> 9; 0 asks only whether there is a process: kill(2). Raises StateError."""
    if word.isascii() and word.isdigit() and int(word) in range(signal.NSIG):
        return int(word)
    name = word.upper().removeprefix("SIG")
    number = getattr(signal, f"SIG{name}", None)
    if not isinstance(number, signal.Signals):
        raise StateError(
            f'unknown signal "{word}"\n  allowed: a number from 0 to 64, or a name such as TERM: signal(7)'
        )
    return int(number)
