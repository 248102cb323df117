"""What is on the host, before and after: a runtime must leave everything as it found it (runtime.md#errors)."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from kernel.kit.helpers import mount
from kernel.kit.outside import Process, cgroup_mounts, children, is_zombie
from kernel.kit.strangers import without_strangers

if TYPE_CHECKING:
    from collections.abc import Iterator

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
CLONE_NEWNS = 0x00020000  # linux/sched.h

State = dict[str, frozenset[str]]


def move_out() -> None:
    """Puts this process into a mount namespace of its own, where "/" propagates as it does under systemd.

    There other programs' mounts don't count as a runtime's, those that a runtime forgets go with the tests, and what a
    container lets propagate shows. mount_namespaces(7)
    """
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) == 0:
        mount("--make-rprivate", "/")
        mount("--make-rshared", "/")


def adopt_orphans() -> None:
    """Makes this process the parent of every orphan below it (PR_SET_CHILD_SUBREAPER(2const)).

    A process that a runtime left behind then shows as a child of ours, however busy the rest of the machine is.
    """
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


# What belongs to the same tests run by somebody else at the same time.
FOREIGN = re.compile(rf"minirun-tests?-(?!{os.getpid()}\b)\d+|conformance-\d+")
# What others may take away at any time; only what is left behind counts.
BUSY = ("cgroups", "state directory", "processes")


def host_state(runtime_name: str, *directories: Path) -> State:
    """A snapshot of all that a runtime could leave behind. `directories` are listed with their contents."""
    state = {
        "mounts": mounts(),
        "cgroups": cgroups(),
        "state directory": own(names_below(Path("/run") / runtime_name)),
        "processes": orphans(),
        "devices": names_below(Path("/dev"), skip=("pts", "shm")) | owners(),
        "namespaces": frozenset(os.readlink(entry) for entry in Path("/proc/self/ns").iterdir()),
    }
    for directory in directories:
        state[str(directory)] = tree(directory)
    return state


def mounts() -> frozenset[str]:
    """All but what other programs had mounted for a while: it goes from here, too, when they remove the directory."""
    temporary = tempfile.gettempdir() + "/"
    return frozenset(
        line
        for line in Process().lines("mountinfo")
        if temporary not in line or f"minirun-tests-{os.getpid()}-" in line
    )


def cgroups() -> frozenset[str]:
    """Every cgroup of version 2, and those of version 1 that a test's container could have made."""
    found: set[str] = set()
    for hierarchy in cgroup_mounts():
        names = names_below(Path(hierarchy.point), directories_only=True)
        others = {os.path.dirname(name) for name in names if FOREIGN.search(name)}
        found |= {name for name in own(names) - others if hierarchy.type == "cgroup2" or "minirun" in name}
    return frozenset(found)


def own(names: frozenset[str]) -> frozenset[str]:
    return frozenset(name for name in names if not FOREIGN.search(name))


def owners() -> frozenset[str]:
    """Whose the devices are that containers get from the host, and the mode of each."""
    found = {name: os.stat(f"/dev/{name}") for name in ("null", "zero", "full", "random", "urandom", "tty")}
    return frozenset(f"/dev/{name} of {it.st_uid}:{it.st_gid}, {it.st_mode:o}" for name, it in found.items())


def orphans() -> frozenset[str]:
    """The living children of this process, with their names. Dead ones are nobody's fault: they are reaped here."""
    found = set()
    for pid in children(os.getpid()):
        if is_zombie(pid):
            continue
        with contextlib.suppress(OSError):  # it may end at any time
            found.add(f"{pid} {Path(f'/proc/{pid}/comm').read_text().strip()}")
    return frozenset(found)


def remove_cgroups(prefix: str) -> None:
    """Removes the empty cgroups of this name that a runtime left: they would count as new ones in the next test."""
    for hierarchy in cgroup_mounts():
        names = names_below(Path(hierarchy.point), directories_only=True)
        for name in sorted(names, key=len, reverse=True):
            if f"/{prefix}" in name:
                with contextlib.suppress(OSError):
                    os.rmdir(name)


def names_below(top: Path, *, skip: tuple[str, ...] = (), directories_only: bool = False) -> frozenset[str]:
    """In a loop: os.walk calls itself before Python 3.12, and cgroups are a thousand deep now and then."""
    found: set[str] = set()
    waiting = [str(top)]
    while waiting:
        directory = waiting.pop()
        with contextlib.suppress(OSError), os.scandir(directory) as entries:  # it may be gone
            for entry in entries:
                is_directory = entry.is_dir(follow_symlinks=False)
                if is_directory and directory == str(top) and entry.name in skip:
                    continue
                if is_directory:
                    waiting.append(entry.path)
                if is_directory or not directories_only:
                    found.add(entry.path)
    return frozenset(found)


def tree(top: Path) -> frozenset[str]:
    """Every file below `top` with what a container could have changed of it."""
    found = set()
    for name in [str(top), *names_below(top)]:
        facts = os.lstat(name)
        content = Path(name).read_bytes()[:1000] if os.path.isfile(name) and not os.path.islink(name) else b""
        found.add(f"{name} {facts.st_mode:o} {facts.st_uid}:{facts.st_gid} {facts.st_rdev:x} {content!r}")
    return frozenset(found)


@contextlib.contextmanager
def nothing_left(runtime_name: str, *directories: Path, patience: float = 3.0) -> Iterator[None]:
    """Fails if the block leaves anything on the host, or takes anything away.

    The kernel ends processes and empties cgroups in its own time, and other programs of the machine mount and unmount
    too: only a difference that stays is a fault.
    """
    before = host_state(runtime_name, *directories)
    yield
    deadline = time.monotonic() + patience
    while (found := difference(before, host_state(runtime_name, *directories))) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert found == "", found


def difference(before: State, after: State) -> str:
    lines = []
    new = without_strangers({topic: after[topic] - before[topic] for topic in before})
    for topic in before:
        lines += [f"{topic}: left behind: {entry}" for entry in sorted(new[topic])]
        if topic not in BUSY:
            lines += [f"{topic}: taken away: {entry}" for entry in sorted(before[topic] - after[topic])]
    return "\n".join(lines)
