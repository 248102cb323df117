"""How checks look at the machine: short questions to /proc, cgroup files and namespaces, answered by the kernel."""

from __future__ import annotations

import json
import os
from functools import cache
from glob import glob

from ..cgroups.hierarchy import mount_point
from ..errors import StateError
from ..kernel.namespaces import setns
from ..teach import inspection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..teach.inspection import Facts

DEPTH = 5  # of the cgroups among which those of a lab are
ANY_KIND = 0  # setns(2): of whatever kind the descriptor is


# ---- processes


def pids() -> list[int]:
    return sorted(int(name) for name in os.listdir("/proc") if name.isdigit())


def process(pid: int) -> Facts | None:
    """All about a process; None where there is none, or it is not ours to look at."""
    try:
        return inspection.look(pid)
    except StateError:
        return None


def host() -> Facts:
    """The machine's first process; for a user without root, who may not look at that one, this process."""
    return process(1) or inspection.look(os.getpid())


def command(pid: int) -> list[str]:
    """Its argument vector; [] where there is no such process, or it is the kernel's."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().decode(errors="surrogateescape")
    except OSError:
        return []
    return words.rstrip("\0").split("\0") if words else []


def running(*words: str) -> list[int]:
    """Those with this command line. The first word counts without its directory."""
    return [pid for pid in pids() if is_command(command(pid), words)]


def is_command(found: list[str], words: tuple[str, ...]) -> bool:
    return bool(found) and (os.path.basename(found[0]), *found[1:]) == words


def processes(*words: str) -> list[Facts]:
    """All about those with this command line, but for other users'."""
    return [one for pid in running(*words) if (one := process(pid))]


def contained(*words: str) -> Facts | None:
    """The first of them that has a PID namespace of its own."""
    return next((one for one in processes(*words) if one.namespaces["pid"] != host_namespaces()["pid"]), None)


def status(pid: int) -> dict[str, str]:
    """The lines of /proc/PID/status; {} where there is no such process (proc_pid_status(5))."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            return inspection.fields(file.read())
    except OSError:
        return {}


def namespace(pid: int, kind: str) -> int:
    """The inode of one of its namespaces, by the name that it has in /proc/PID/ns; 0 where that can't be seen."""
    try:
        return os.stat(f"/proc/{pid}/ns/{kind}").st_ino
    except OSError:
        return 0


def identity(path: str) -> tuple[int, int] | None:
    """What tells a file, a directory or a namespace from all others; None where it is gone, or can't be seen."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def is_ours(pid: int) -> bool:
    """Whether we may look at it: root at all, a user at what is the user's own (ptrace(2), access mode checks)."""
    return namespace(pid, "pid") != 0


@cache
def host_namespaces() -> dict[str, int]:
    """The machine's own: name in /proc/PID/ns -> inode."""
    return host().namespaces


def apart(kind: str) -> list[int]:
    """Processes with a namespace of this kind that is not the machine's."""
    return [pid for pid in pids() if is_apart(pid, kind)]


def is_apart(pid: int, kind: str) -> bool:
    return namespace(pid, kind) not in (0, host_namespaces()[kind])


def fellow(kind: str, inode: int) -> int:
    """A process in this namespace: this one, if it is in it; 0 where nobody is."""
    return next((pid for pid in (os.getpid(), *pids()) if namespace(pid, kind) == inode), 0)


def inside(pid: int, kinds: tuple[str, ...], ask: Callable[[], Any]) -> Any:
    """What `ask` gives in these namespaces of a process, or None where it fails."""
    return within([f"/proc/{pid}/ns/{kind}" for kind in kinds], ask)


def within(paths: list[str], ask: Callable[[], Any]) -> Any:
    """What `ask` gives in the namespaces that these files stand for, or None where it fails. A child enters them
    (setns(2)): there is not always a way back. The answer comes as JSON."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            for opened in [os.open(path, os.O_RDONLY) for path in paths]:
                setns(opened, ANY_KIND)
            os.write(writing, json.dumps(ask()).encode())
            os._exit(0)
        finally:
            os._exit(1)
    os.close(writing)
    with open(reading, "rb") as pipe:
        answer = pipe.read()
    return json.loads(answer) if os.waitpid(child, 0)[1] == 0 else None


def host_name(pid: int) -> str:
    """What uname(2) tells a process."""
    return inside(pid, ("uts",), lambda: os.uname().nodename) or ""


# ---- files


def read(path: str) -> str | None:
    """A file of the kernel's, or of a container's, without the line's end; None where it can't be read."""
    try:
        with open(path, encoding="utf-8", errors="replace", opener=without_waiting) as file:
            return file.read().strip()
    except OSError:
        return None


def without_waiting(path: str, flags: int) -> int:
    """Where a container has put a FIFO (fifo(7)), there is nothing to be read."""
    return os.open(path, flags | os.O_NONBLOCK)


def counters(path: str) -> dict[str, int]:
    """A file of lines "name number", such as memory.events; {} where there is none."""
    rows = (line.split() for line in (read(path) or "").splitlines())
    return {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdigit()}


# ---- cgroups


def cgroup(name: str) -> str:
    """The directory of a cgroup v2; `name` is its path below the root of the hierarchy."""
    return os.path.join(mount_point(), name.lstrip("/"))


def cgroups_named(prefix: str) -> list[str]:
    """The directories of all cgroups v2 whose own name begins so, but for those further down than a lab has any."""
    mount = mount_point()
    return directories_named(mount, prefix) if mount else []


def directories_named(top: str, prefix: str) -> list[str]:
    """As far down as DEPTH: whoever makes cgroups for a container's sake may make thousands below each other."""
    patterns = ("/".join(["*"] * depth + [f"{prefix}*", ""]) for depth in range(DEPTH))
    return [f"{top}/{name.rstrip('/')}" for pattern in patterns for name in sorted(glob(pattern, root_dir=top))]
