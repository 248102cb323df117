"""A corner of the host that nobody else looks at, so that whatever is left there has been left by minirun."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

from kernel.kit.helpers import mount
from kernel.kit.host import adopt_orphans
from kernel.kit.outside import cgroup2_root

CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000  # linux/sched.h
RUN = Path("/run")
ROOT = RUN / "minirun"  # where root's containers have their books: steps/state.py
OWN_DEVICE = "faults0"  # for containers to take along, and to give back
PLACE = RUN / "faults"  # bundles, and what the commands write
NAME = f"minirun-faults-{os.getpid()}"  # of the containers and their cgroups
WRITTEN = re.compile(rf"{PLACE}/written/[^.]")

Traces = dict[str, frozenset[str]]


def enter() -> None:
    """Leave for namespaces of one's own, with an empty /run, and become the parent of every orphan.

    There "/" propagates as it does under systemd, so that what a container lets propagate shows.
    """
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS | CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    os.umask(0o022)
    mount("--make-rprivate", "/")
    mount("-t", "tmpfs", "-o", "mode=755", "faults", RUN)
    ROOT.mkdir()
    mount("-t", "tmpfs", "-o", "mode=711", "books", ROOT)  # of their own, so that it can be full without the rest
    mount("--make-rshared", "/")
    adopt_orphans()
    for name in ("tmp", "written"):
        (PLACE / name).mkdir(parents=True)
    os.environ["TMPDIR"] = str(PLACE / "tmp")
    for name in ("XDG_RUNTIME_DIR", "NOTIFY_SOCKET", "LISTEN_FDS"):
        os.environ.pop(name, None)


def traces() -> Traces:
    """All that a container could leave behind, by kind."""
    return {
        "mount": frozenset(mounts()),
        "cgroup": frozenset(cgroups()),
        "process": frozenset(f"{pid} {name_of(pid)}" for pid in orphans()),
        "file": frozenset(files()),
        "device": frozenset(f"/dev/{name}" for name in os.listdir("/dev") if not name.startswith("loop")),
        "network device": frozenset(name for _, name in socket.if_nameindex() if not name.startswith(OWN_DEVICE)),
    }


def mounts() -> list[str]:
    """Number, parent, device, root and mount point of each: proc_pid_mountinfo(5)."""
    return [" ".join(line.split()[:5]) for line in Path("/proc/self/mountinfo").read_text().splitlines()]


def cgroups() -> list[str]:
    """Those with a name of ours: below minirun's own, where bundle.py wants one, and where systemd would make one."""
    top = cgroup2_root()
    assert top is not None
    return [f"{parent}/{name}" for parent in (top, top / "minirun") for name in names_in(parent) if NAME in name]


def names_in(directory: Path) -> list[str]:
    try:
        return os.listdir(directory)
    except FileNotFoundError:
        return []


def files() -> list[str]:
    """In /run, but for what the commands were told to write: of that only what they had to write first (rename(2))."""
    found = []
    for directory, directories, names in os.walk(RUN):
        found += [os.path.join(directory, name) for name in directories + names]
    return [name for name in found if not WRITTEN.match(name)]


def children(pid: int | str) -> list[int]:
    """Of a process with one thread: /proc/PID/task/TID/children (proc_tid_children(5))."""
    own = os.getpid() if pid == "self" else pid
    try:
        return [int(word) for word in Path(f"/proc/{own}/task/{own}/children").read_text().split()]
    except OSError:
        return []


OWN: set[int] = set()  # the children that this process has forked itself, and waits for


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def orphans() -> list[int]:
    """The others, who have come to this process when their parents ended. The dead are reaped."""
    return [pid for pid in children("self") if pid not in OWN and os.waitpid(pid, os.WNOHANG)[0] == 0]


def name_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip() or "(nameless)"
    except OSError:
        return "(gone)"


def sweep(before: Traces) -> None:
    """Remove by hand what a fault has left, so that the next one begins as this one did."""
    for pid in orphans():
        os.kill(pid, 9)
        os.waitpid(pid, 0)
    for line in sorted(traces()["mount"] - before["mount"], key=len, reverse=True):
        subprocess.run(["umount", "--lazy", line.split()[4]], check=False, capture_output=True)
    for place in sorted(cgroups(), key=len, reverse=True):
        remove_cgroup(Path(place))
    for name in sorted(set(files()) - before["file"]):
        shutil.rmtree(name, ignore_errors=True)
        Path(name).unlink(missing_ok=True)


def remove_cgroup(place: Path) -> None:
    for directory, _, _ in sorted(os.walk(place), reverse=True):
        (Path(directory) / "cgroup.kill").write_text("1")
        try:
            os.rmdir(directory)
        except OSError as error:
            print(f"{directory} stays: {error}", file=sys.stderr)
