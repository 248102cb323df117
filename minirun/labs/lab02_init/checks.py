"""Lab 02. The first process of a PID namespace (pid_namespaces(7)): what it sees, inherits, and does not hear.

Whose namespaces they are is known as sweep.py knows it: they stand in the lab's directory, or have its name.
"""

from __future__ import annotations

import os
import signal

from ...kernel.processes import stat_fields
from .. import look, sweep
from ..lab import Finding, Goal, Lab, done, not_yet, question, wrong
from ..needs import ROOT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..desk import Desk

MOST = 5  # processes in a /proc of one's own
WAITED_FAULTS = 8  # of what follows the name in /proc/PID/stat: cminflt (proc_pid_stat(5))
TERM = 1 << (signal.SIGTERM - 1)
ASLEEP = (("sleep", "4203"), ("sleep", "4205"))


def clear(_desk: Desk) -> None:
    for words in ASLEEP:
        sweep.end_running(*words)


# ---- who is there


def is_first(status: dict[str, str]) -> bool:
    """Of a namespace below the reader's: NSpid has a column for each, the innermost last (proc_pid_status(5))."""
    columns = status.get("NSpid", "").split()
    return len(columns) > 1 and columns[-1] == "1" and status["State"][0] not in "ZX"


def firsts(desk: Desk) -> list[int]:
    return [pid for pid in look.pids() if is_first(look.status(pid)) and sweep.belongs(pid, desk, set())]


def zombies(first: int) -> list[int]:
    """Those that have ended, and for which this process 1 would have to wait."""
    every = ((pid, look.status(pid)) for pid in look.pids())
    return [pid for pid, status in every if status.get("PPid") == str(first) and status["State"][0] == "Z"]


def has_waited(first: int) -> bool:
    """What its children have cost is added up when it waits for them (wait(2)), and each has cost page faults."""
    stat = stat_fields(first)
    return stat is not None and int(stat[WAITED_FAULTS]) > 0


def takes_term(first: int) -> bool:
    """By a handler, or as small init programs do it: blocked, and then fetched (signalfd(2), sigwaitinfo(2))."""
    status = look.status(first)
    return any(int(status.get(name, "0"), 16) & TERM for name in ("SigCgt", "SigBlk"))


# ---- looks


def first(desk: Desk) -> Finding:
    expected = "a process that has the number 1 in a PID namespace of its own"
    found = firsts(desk)
    if found:
        return done(f"process {found[0]}, which is {' '.join(look.status(found[0]).get('NSpid', '').split())} (NSpid)")
    stayed = next((pid for pid in look.pids() if is_outside_its_own(pid, desk)), None)
    if stayed:
        return wrong("no_fork", f"process {stayed} has a new PID namespace for its children, and none in it", expected)
    return not_yet(expected)


def is_outside_its_own(pid: int, desk: Desk) -> bool:
    own, for_children = look.namespace(pid, "pid"), look.namespace(pid, "pid_for_children")
    return for_children not in (0, own) and sweep.is_below(sweep.link_of(pid, "cwd"), desk.directory)


def proc(desk: Desk) -> Finding:
    expected = f"a process 1 in whose /proc are at most {MOST} processes, those of its own namespace"
    counts = {pid: processes_seen(pid) for pid in firsts(desk)}
    for pid, count in counts.items():
        if 0 < count <= MOST and not has_machines_proc(pid):
            return done(f"process {pid} sees {count}")
    for pid, count in counts.items():
        if has_machines_proc(pid):
            return wrong("old_proc", f"process {pid} sees {count}, in the machine's /proc", expected)
    return not_yet(expected, *(f"process {pid} sees {count}" for pid, count in list(counts.items())[:1]))


def processes_seen(pid: int) -> int:
    return sum(name.isdigit() for name in os.listdir(f"/proc/{pid}/root/proc"))


def has_machines_proc(pid: int) -> bool:
    """Each PID namespace has a proc file system of its own."""
    return os.stat(f"/proc/{pid}/root/proc").st_dev == os.stat("/proc").st_dev


def zombie(desk: Desk) -> Finding:
    for pid in firsts(desk):
        for ended in zombies(pid):
            return done(f"process {ended} has ended, and its parent {pid} does not ask how")
    return not_yet("a check while a process 1 has a zombie as its child")


def reaped(desk: Desk) -> Finding:
    expected = "a process 1 that has waited for a child, and no zombie below any process 1"
    found = firsts(desk)
    left = [ended for pid in found for ended in zombies(pid)]
    if left:
        return wrong("still_there", f"the zombie {left[0]} is still there", expected)
    waited = [pid for pid in found if has_waited(pid)]
    return done(f"process {waited[0]} waits for its children") if waited else not_yet(expected)


def term(desk: Desk) -> Finding:
    expected = "a process 1 that does not leave SIGTERM to the kernel"
    found = firsts(desk)
    hearing = [pid for pid in found if takes_term(pid)]
    if hearing:
        return done(f"process {hearing[0]} takes SIGTERM")
    if found:
        return wrong("deaf", f"process {found[0]}: no SIGTERM in SigCgt (/proc/{found[0]}/status)", expected)
    return not_yet(expected)


LAB = Lab(
    "Process 1",
    30,
    goals=(
        Goal(
            "first",
            "A process is number 1 in a PID namespace of its own.",
            first,
            points=3,
            tips=("unshare --pid --fork bash", "leave the shell open while you check"),
        ),
        Goal(
            "proc",
            "What it has as /proc shows at most five processes, those of its namespace.",
            proc,
            points=3,
            tips=("proc shows the PID namespace of who has mounted it", "unshare --pid --fork --mount-proc bash"),
            after=("first",),
        ),
        Goal(
            "zombie",
            "A check has seen a zombie that a process 1 has inherited.",
            zombie,
            points=3,
            tips=("sleep waits for nobody: what is orphaned below a process 1 that is sleep stays", "check meanwhile"),
            once=True,
            after=("first",),
        ),
        Goal(
            "reaped",
            "The zombie is gone, and a process 1 is there that waits for its children.",
            reaped,
            points=3,
            tips=(
                "a zombie goes when its parent waits for it, or has ended",
                "bash waits for whatever ends below it: unshare --pid --fork --mount-proc bash",
            ),
            after=("zombie",),
        ),
        Goal(
            "term",
            "A process 1 takes the signal TERM.",
            term,
            points=4,
            tips=(
                "trap in bash makes a handler: help trap",
                "bash -c 'trap \"exit 0\" TERM; …'; a trap runs when a command is over, or at once in wait",
                "or a small init program: catatonit -- sleep 4203",
            ),
            after=("reaped",),
        ),
        question(
            "children",
            "unshare --pid without --fork: which link in /proc/PID/ns leads to the new namespace?",
            ("pid_for_children", "pid-for-children"),
            tips=("ls -l /proc/PID/ns of that shell, after its first child: which two differ?",),
        ),
        question(
            "end",
            "Which signal ends a process 1 that has no handlers, when the machine's root sends it?",
            ("kill", "sigkill", "9", "-9", "-kill"),
            wrongs={"term_ends_it": ("term", "sigterm", "15", "-15", "-term", "int", "sigint", "2")},
            tips=("try them; man 7 pid_namespaces names two, and only one of them ends it",),
        ),
    ),
    hints={
        "no_fork": "unshare(2) moves nobody into the new PID namespace: the next child is the first in it, and when "
        "that one has ended, no other can be born. With --fork unshare runs the program as that child.",
        "old_proc": "The namespace is new, but /proc is still the one that was mounted for the machine's namespace. "
        "proc has to be mounted anew from inside, in a mount namespace: unshare --mount-proc does both.",
        "still_there": "A zombie can't be killed: it has ended. It goes when its parent waits for it, or "
        "ends. Here the parent is a process 1 that never waits: end it, and take one that does.",
        "deaf": "Where a process has not said what to do with TERM, the kernel ends it; but not a process 1: that one "
        "gets only signals for which it has a handler. So it has to have one.",
        "term_ends_it": "Signals for which a process 1 has no handler don't reach it, whoever sends them. With two "
        "exceptions, for those who send them from outside.",
    },
    needs=(ROOT,),
    clear=clear,
)
