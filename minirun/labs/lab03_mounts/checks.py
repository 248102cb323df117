"""Lab 03. Mount propagation (mount_namespaces(7)), read from the optional fields of mountinfo.

All of it happens below one mount in the lab's directory, the shelf. What the student mounts there is told by its place.
"""

from __future__ import annotations

import os

from ...record import Record
from ...teach.mount_tree import Mount, parse
from .. import look, sweep
from ..lab import Finding, Goal, Lab, done, not_yet, question, wrong
from ..needs import ROOT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..desk import Desk

SHELF = "shelf"


class Table(Record):
    """The mounts at the shelf and below, as one mount namespace has them: "" for the shelf, or a name in it."""

    pid: int
    mounts: dict[str, Mount]

    @property
    def shared(self) -> str:
        """The number of the shelf's peer group."""
        return self.field("shared")

    @property
    def master(self) -> str:
        """The number of the peer group that it receives from."""
        return self.field("master")

    def field(self, name: str) -> str:
        fields = self.mounts[""].propagation if "" in self.mounts else ()
        return next((field.partition(":")[2] for field in fields if field.startswith(f"{name}:")), "")

    @property
    def is_private(self) -> bool:
        return "" in self.mounts and not self.mounts[""].propagation


def make(desk: Desk) -> None:
    """Which mount namespace the lab calls the machine's: that of the terminal. It need not be that of process 1."""
    desk.kept["mnt"] = str(look.namespace(os.getpid(), "mnt"))


def table(pid: int, desk: Desk) -> Table:
    shelf, mounts = desk.file(SHELF), parse(look.read(f"/proc/{pid}/mountinfo") or "")
    return Table(pid, {one.point[len(shelf) + 1 :]: one for one in mounts if sweep.is_below(one.point, shelf)})


def machines(desk: Desk) -> Table:
    return table(look.fellow("mnt", int(desk.kept["mnt"])), desk)


def others(desk: Desk) -> Iterator[Table]:
    """Of each other mount namespace that has the shelf, by one of its processes."""
    by_namespace = {look.namespace(pid, "mnt"): pid for pid in look.pids()}
    for inode, pid in by_namespace.items():
        found = table(pid, desk)
        if inode not in (0, int(desk.kept["mnt"])) and "" in found.mounts:
            yield found


# ---- looks


def shelf(desk: Desk) -> Finding:
    machine = machines(desk)
    expected = f"a mount on {desk.file(SHELF)} that has shared:N in /proc/self/mountinfo"
    if "" not in machine.mounts:
        return not_yet(expected)
    if not machine.shared:
        return wrong("shelf_is_private", "a mount without shared:N", expected)
    return done(f"shared:{machine.shared}")


def leak(desk: Desk) -> Finding:
    machine, inner = machines(desk), list(others(desk))
    for one in inner:
        if "leak" in one.mounts and "leak" in machine.mounts and one.shared == machine.shared:
            return done(f"{SHELF}/leak is mounted for process {one.pid}, and for the machine (shared:{one.shared})")
    expected = f"{SHELF}/leak mounted in another mount namespace, and there on the machine, too"
    kept_in = next((one for one in inner if "leak" in one.mounts and "leak" not in machine.mounts), None)
    if kept_in:
        return wrong("made_private", f"only process {kept_in.pid} has {SHELF}/leak", expected)
    return not_yet(expected)


def clean(desk: Desk) -> Finding:
    if "leak" in machines(desk).mounts:
        return not_yet("the machine's table without it", f"{SHELF}/leak is still mounted on the machine")
    return done(f"no {SHELF}/leak in the machine's table")


def slave(desk: Desk) -> Finding:
    machine = machines(desk)
    expected = f"a process whose {SHELF} has master:{machine.shared} only, which has down and up, the machine only down"
    if "up" in machine.mounts:
        return wrong("went_up", f"{SHELF}/up is mounted on the machine, too", expected)
    slaves = [one for one in others(desk) if one.master == machine.shared and not one.shared]
    for one in slaves:
        if {"up", "down"} <= one.mounts.keys() and "down" in machine.mounts:
            return done(f"process {one.pid} receives, and sends nothing")
    found = (f"process {one.pid} has {', '.join(sorted(one.mounts.keys() - {''})) or 'neither'}" for one in slaves)
    return not_yet(expected, next(found, ""))


def private(desk: Desk) -> Finding:
    machine = machines(desk)
    expected = f"a process whose {SHELF} has no such field, which has {SHELF}/mine, and the machine has not"
    holding = [one for one in others(desk) if "mine" in one.mounts and "mine" not in machine.mounts]
    for one in holding:
        if one.is_private:
            return done(f"process {one.pid} has {SHELF}/mine for itself")
    if holding:
        fields = " ".join(holding[0].mounts[""].propagation)
        return wrong("not_private", f"the {SHELF} of process {holding[0].pid} has {fields}", expected)
    return not_yet(expected)


LAB = Lab(
    "Mounts that leak, and those that don't",
    30,
    goals=(
        Goal(
            "shelf",
            "On the machine, shelf is a mount that is shared.",
            shelf,
            points=2,
            tips=("mount -t tmpfs lab03 shelf; mount --make-shared shelf", "findmnt -o TARGET,PROPAGATION shelf"),
        ),
        Goal(
            "leak",
            "A check has seen shelf/leak on the machine, mounted from another mount namespace.",
            leak,
            points=3,
            tips=("unshare --mount --propagation unchanged bash", "in it: mount -t tmpfs lab03 shelf/leak"),
            once=True,
            after=("shelf",),
        ),
        Goal("clean", "The machine is free of shelf/leak again.", clean, points=2, after=("leak",)),
        Goal(
            "slave",
            "A process in another mount namespace receives what the machine mounts (shelf/down), and keeps its own "
            "(shelf/up).",
            slave,
            points=4,
            tips=("mount --make-slave shelf, in the other namespace", "mount down on the machine, and up inside"),
            after=("shelf",),
        ),
        Goal(
            "private",
            "A process in another mount namespace neither sends nor receives: it has shelf/mine for itself.",
            private,
            points=3,
            tips=(
                "a third mount namespace, in which the shelf has neither shared nor master",
                "what does unshare --mount do when you don't say --propagation?",
            ),
            after=("shelf",),
        ),
        question(
            "default",
            "Which propagation does unshare(1) give to all mounts in a new mount namespace, when you don't say?",
            ("private", "rprivate"),
            wrongs={"kernels_default": ("shared", "rshared", "slave", "rslave", "unchanged")},
            tips=("man 1 unshare, --propagation",),
        ),
        question(
            "runtime",
            "Which one does minirun give to / in the mount namespace of a container?",
            ("rslave", "slave"),
            wrongs={"too_strict": ("private", "rprivate"), "lets_out": ("unchanged", "shared", "rshared")},
            tips=("minirun spec writes a config.json; minirun explain . tells what would be done with it",),
        ),
    ),
    hints={
        "shelf_is_private": "The shelf is mounted, and private, as every mount is whose parent is private. "
        "mount --make-shared makes it the first member of a peer group.",
        "made_private": "It did not leak. unshare(1) has made every mount in the new namespace private, which it does "
        "unless it is told --propagation unchanged. unshare(2) itself does not.",
        "went_up": "The shelf was still shared inside when up was mounted. Unmount it, make the shelf a slave in the "
        "other namespace (not on the machine), and mount it again there.",
        "not_private": "It has mine for itself, as a slave has, too; but master:N says that it still receives what the "
        "machine mounts. A private mount has no such field.",
        "kernels_default": "The kernel copies the mounts as they are, and shared ones stay shared. unshare(1) does one "
        "thing more, and its manual page says which.",
        "too_strict": "That would be safe, too, but what the machine mounts or unmounts later would not come in. "
        "Ask explain for the step that sets the propagation of /.",
        "lets_out": "Where / of the machine is shared, each mount of the container's would appear on the machine then. "
        "Ask explain for the step that sets the propagation of /.",
    },
    needs=(ROOT,),
    make=make,
    clear=lambda _desk: sweep.end_running("sleep", "4301"),
)
