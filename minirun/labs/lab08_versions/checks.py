"""Lab 08. The limits of lab 07 on cgroup v1, where each controller has a hierarchy of its own; and what its files are
called in v2."""

from __future__ import annotations

import os

from ...cgroups.resources import weight
from .. import look, sweep
from ..lab import Finding, Goal, Lab, done, not_yet, question, wrong
from ..needs import v1_controllers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..desk import Desk

HIERARCHIES = "/sys/fs/cgroup"
SPLIT, OTHERS = ("sleep", "8081"), ("sleep", "8083")
THROTTLED = 10
UNLIMITED = 1 << 60  # bytes: what v1 prints for no limit is the most that its counter can hold
SHARES = 512

# What is asked in pairs.txt, in its three parts. memory.low is what runtimes write for a reservation.
PAIRS = {
    "memory": {
        "memory.limit_in_bytes": "memory.max",
        "memory.soft_limit_in_bytes": "memory.low",
        "memory.usage_in_bytes": "memory.current",
        "memory.max_usage_in_bytes": "memory.peak",
    },
    "cpu": {
        "cpu.shares": "cpu.weight",
        "cpu.cfs_quota_us": "cpu.max",
        "cpu.cfs_period_us": "cpu.max",
        "cpuacct.usage": "cpu.stat",
    },
    "others": {
        "pids.max": "pids.max",
        "tasks": "cgroup.threads",
        "freezer.state": "cgroup.freeze",
        "blkio.throttle.read_bps_device": "io.max",
    },
}
# Answers that are often given -> the hint.
MISTAKES = {
    ("memory.soft_limit_in_bytes", "memory.high"): "soft_is_high",
    ("cpu.cfs_period_us", "cpu.max.burst"): "two_into_one",
    ("cpu.cfs_quota_us", "cpu.weight"): "two_into_one",
    ("tasks", "cgroup.procs"): "tasks_are_threads",
}
CHOICE = """# Write the name of the file of cgroup v2 after each =
# Choose from these. Some are right twice, and some not at all.
#
#   cgroup.freeze   cgroup.kill     cgroup.procs    cgroup.threads
#   cpu.max         cpu.max.burst   cpu.stat        cpu.weight
#   io.max          io.stat         io.weight       pids.max
#   memory.current  memory.events   memory.high     memory.low
#   memory.max      memory.peak     memory.stat     memory.swap.max
"""


def make(desk: Desk) -> None:
    parts = ("".join(f"{name} =\n" for name in part) for part in PAIRS.values())
    desk.write("pairs.txt", "\n".join([CHOICE, *parts]))


# ---- the limits


def groups(desk: Desk, controller: str) -> list[str]:
    return look.directories_named(f"{HIERARCHIES}/{controller}", desk.prefix)


def number(path: str, default: int = 0) -> int:
    text = look.read(path) or ""
    return int(text) if text.lstrip("-").isdigit() else default


def highest(desk: Desk, controller: str, file: str, name: str) -> int:
    """Of these counters in the lab's cgroups."""
    return max((look.counters(f"{path}/{file}").get(name, 0) for path in groups(desk, controller)), default=0)


def memory(desk: Desk) -> Finding:
    times = highest(desk, "memory", "memory.oom_control", "oom_kill")
    if times:
        return done(f"oom_kill {times}")
    own = groups(desk, "memory")
    limited = [path for path in own if number(f"{path}/memory.limit_in_bytes") < UNLIMITED]
    soft = [path for path in own if number(f"{path}/memory.soft_limit_in_bytes") < UNLIMITED]
    if soft and not limited:
        return wrong("memory_soft", f"{soft[0]}/memory.soft_limit_in_bytes", "memory.limit_in_bytes")
    return not_yet("oom_kill of 1 or more in memory.oom_control", "it is 0" if own else "no cgroup lab08 of memory")


def cpu(desk: Desk) -> Finding:
    times = highest(desk, "cpu", "cpu.stat", "nr_throttled")
    if times >= THROTTLED:
        return done(f"nr_throttled {times}")
    own = groups(desk, "cpu")
    limited = [path for path in own if number(f"{path}/cpu.cfs_quota_us", -1) > 0]
    shared = [path for path in own if number(f"{path}/cpu.shares", 1024) != 1024]
    if shared and not limited:
        return wrong("cpu_shares", f"{shared[0]}/cpu.shares", "cpu.cfs_quota_us")
    return not_yet(f"nr_throttled of {THROTTLED} or more in cpu.stat", f"it is {times}")


def pids(desk: Desk) -> Finding:
    times = highest(desk, "pids", "pids.events", "max")
    return done(f"max {times}") if times else not_yet("max of 1 or more in pids.events")


def split(desk: Desk) -> Finding:
    running = look.running(*SPLIT)
    if not running:
        return not_yet("the process sleep 8081 in two cgroups lab08, and not in the third", "no such process")
    found = sorted(name for name, path in places(running[-1]).items() if is_of_lab(path, desk))
    told = f"process {running[-1]}: in lab08 for {', '.join(found) or 'nothing'}"
    if found == ["memory", "pids"]:
        return done(told)
    hint = "one_hierarchy" if len(found) == 1 else "cpu_as_well" if len(found) == 3 else ""
    return wrong(hint, told, "memory and pids")


def places(pid: int) -> dict[str, str]:
    """By controller, the three that this lab is about (cgroups(7), /proc/pid/cgroup)."""
    rows = (line.split(":", 2) for line in (look.read(f"/proc/{pid}/cgroup") or "").splitlines())
    return {name: path for _number, names, path in rows for name in names.split(",") if name in PAIRS or name == "pids"}


def is_of_lab(path: str, desk: Desk) -> bool:
    return any(name.startswith(desk.prefix) for name in path.split("/"))


# ---- the names


def given(desk: Desk) -> dict[str, str]:
    """What the student has written behind the = of each line."""
    lines = (line.partition("=") for line in (desk.read("pairs.txt") or "").splitlines() if not line.startswith("#"))
    return {left.strip(): os.path.basename(right.strip()) for left, _, right in lines if right.strip()}


def pairs(part: str) -> Callable[[Desk], Finding]:
    asked = PAIRS[part]

    def look_at(desk: Desk) -> Finding:
        answers = {left: right for left, right in given(desk).items() if left in asked}
        for left, right in answers.items():
            if right != asked[left]:
                hint = MISTAKES.get((left, right), "another_file")
                return wrong(hint, f"{left} = {right}", "another file")
        missing = [left for left in asked if left not in answers]
        if missing:
            return not_yet(f"a name after {missing[0]} = in pairs.txt", f"{len(answers)} of {len(asked)}")
        return done(f"{len(asked)} of {len(asked)}")

    return look_at


def clear(_desk: Desk) -> None:
    for words in (SPLIT, OTHERS):
        sweep.end_running(*words)


LAB = Lab(
    "v1 beside v2",
    30,
    goals=(
        Goal(
            "memory",
            "A process was killed because it wanted more memory than its cgroup v1 may have.",
            memory,
            points=2,
            tips=("16M in memory.limit_in_bytes, then tail /dev/zero from inside",),
        ),
        Goal(
            "cpu",
            "A busy process was stopped ten times or more, because its quota of the period was used up.",
            cpu,
            points=2,
            tips=("5000 in cpu.cfs_quota_us, 50000 in cpu.cfs_period_us, then two seconds of a loop",),
        ),
        Goal(
            "pids",
            "A process was refused a child, because its cgroup was full.",
            pids,
            points=2,
            tips=("the file has the same name as in v2; so has the one that counts refusals",),
        ),
        Goal(
            "split",
            "sleep 8081 is in lab08 for memory and for pids, and for cpu it is not.",
            split,
            points=2,
            tips=("write its number into two files cgroup.procs; /proc/PID/cgroup shows where it is",),
        ),
        Goal("names_memory", "pairs.txt has the four names of memory in v2.", pairs("memory"), points=2),
        Goal("names_cpu", "pairs.txt has the four names of cpu in v2.", pairs("cpu"), points=2),
        Goal("names_others", "pairs.txt has the four other names in v2.", pairs("others"), points=2),
        question(
            "weight",
            f"{SHARES} in v1's cpu.shares: which cpu.weight do runtimes make of it today?",
            (str(weight(SHARES)),),
            wrongs={
                "straight_line": (str(1 + (SHARES - 2) * 9999 // 262142), "19.5", "19"),
                "rounded_down": (str(weight(SHARES) - 1), "58.2", "58.17", "58.1"),
            },
            points=2,
            tips=("python3 -c 'from math import log2; …' with the formula of the page",),
        ),
    ),
    hints={
        "memory_soft": "The soft limit kills nobody: it only says from whom memory is taken first when the machine "
        "runs short. The wall is memory.limit_in_bytes.",
        "cpu_shares": "cpu.shares counts only while others want the processor too, and stops nobody. The limit is "
        "cpu.cfs_quota_us in cpu.cfs_period_us.",
        "one_hierarchy": "In v1 each controller has a tree of its own, and a process has a place in each of them. You "
        "have moved it in one; the others have not noticed.",
        "cpu_as_well": "It is in lab08 of all three. For the cpu it should be elsewhere: write its number into the "
        "cgroup.procs at the top of that tree.",
        "another_file": "That file is about something else. In lab 07, ls lab07/memory and cat show what they hold; "
        "the kernel's Documentation/admin-guide/cgroup-v2.rst says it of each.",
        "soft_is_high": "memory.high slows a process down that is above it. The soft limit protects: what is below it "
        "is taken last. In v2 that is memory.low, which config.json calls a reservation.",
        "two_into_one": "v2 has one file for both, with two numbers in it: QUOTA PERIOD.",
        "tasks_are_threads": "v1's tasks lists threads, each of which may be in its own cgroup. cgroup.procs lists "
        "processes, in both versions.",
        "straight_line": "That is on the straight line from 2 to 1 and 262144 to 10000, as runtimes did until 2025. "
        "It made 39 of 1024, where v2's own default is 100. Use the curve.",
        "rounded_down": "Almost: the result is rounded up.",
    },
    needs=(v1_controllers("memory", "cpu", "pids"),),
    make=make,
    clear=clear,
)
