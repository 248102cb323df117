"""Lab 07. Cgroups v2 below lab07, made with mkdir and echo. The kernel's own counters say what has happened in them,
and stay as long as the cgroup does; so nothing has to be running when the check looks."""

from __future__ import annotations

import os

from .. import look, sweep
from ..lab import Finding, Goal, Lab, done, not_yet, question, wrong
from ..needs import controllers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..desk import Desk

CONTROLLERS = {"cpu", "memory", "pids"}
INSIDE, JOINING = ("sleep", "7071"), ("sleep", "7073")
THROTTLED = 10  # times at least: a second of a loop is that, with the 50 ms of the page


def groups(desk: Desk) -> list[str]:
    """The directories of lab07 and of all that is below it, the topmost first."""
    below = (path for top in look.cgroups_named(desk.prefix) for path, _names, _files in os.walk(top))
    return sorted(dict.fromkeys(below), key=lambda path: (path.count("/"), path))


def tree(desk: Desk) -> Finding:
    found = groups(desk)
    if not found:
        return not_yet(f"a cgroup {desk.prefix} below {look.cgroup('')}")
    top = found[0]
    lacking = CONTROLLERS - set((look.read(f"{top}/cgroup.subtree_control") or "").split())
    if not lacking:
        return done(f"{top} hands down {', '.join(sorted(CONTROLLERS))}")
    members = (look.read(f"{top}/cgroup.procs") or "").split()
    if members:
        return wrong("internal_processes", f"the process {members[0]} in {top} itself", "no process there")
    if len(found) > 1:
        return wrong("not_handed_down", f"no {', '.join(sorted(lacking))} in {found[1]}", "cpu, memory, pids")
    return not_yet(f"cpu, memory and pids in {top}/cgroup.subtree_control", f"not {', '.join(sorted(lacking))}")


def counted(desk: Desk, file: str, name: str) -> tuple[int, str]:
    """The highest of these counters in the lab's cgroups, and where that is."""
    return max(((look.counters(f"{path}/{file}").get(name, 0), path) for path in groups(desk)), default=(0, ""))


def values(desk: Desk, file: str) -> Iterator[tuple[str, str]]:
    """What stands in the files of this name, and where."""
    for path in groups(desk):
        value = look.read(f"{path}/{file}")
        if value:
            yield value, path


def memory(desk: Desk) -> Finding:
    times, where = counted(desk, "memory.events", "oom_kill")
    if times:
        return done(f"oom_kill {times} in {where}")
    limits = [value for value, _path in values(desk, "memory.max") if value != "max"]
    slowed = [path for value, path in values(desk, "memory.high") if value != "max"]
    if slowed and not limits:
        return wrong("memory_high", f"memory.high in {slowed[0]}, and memory.max nowhere", "memory.max")
    return not_yet("oom_kill of 1 or more in memory.events", "it is 0" if limits else "no limit in a memory.max")


def cpu(desk: Desk) -> Finding:
    times, where = counted(desk, "cpu.stat", "nr_throttled")
    if times >= THROTTLED:
        return done(f"nr_throttled {times} in {where}")
    limits = [(*value.split(), path) for value, path in values(desk, "cpu.max") if not value.startswith("max")]
    weighed = [path for value, path in values(desk, "cpu.weight") if value != "100"]
    if weighed and not limits:
        return wrong("cpu_weight", f"cpu.weight in {weighed[0]}, and cpu.max nowhere", "cpu.max")
    wide = [path for quota, period, path in limits if int(quota) >= int(period)]
    if wide and len(wide) == len(limits):
        return wrong("cpu_whole", f"{look.read(f'{wide[0]}/cpu.max')} in {wide[0]}", "less than one processor")
    return not_yet(f"nr_throttled of {THROTTLED} or more in cpu.stat", f"it is {times}")


def pids(desk: Desk) -> Finding:
    times, where = counted(desk, "pids.events", "max")
    if times:
        return done(f"max {times} in {where}")
    reached = [path for value, path in values(desk, "pids.max") if value == look.read(f"{path}/pids.current")]
    if reached:
        return wrong("pids_just_fits", f"{reached[0]} is full, and nobody was refused", "one process too many")
    return not_yet("max of 1 or more in pids.events")


def together(desk: Desk) -> Finding:
    times, where = counted(desk, "memory.events", "oom_group_kill")
    if times:
        return done(f"oom_group_kill {times} in {where}")
    killed = [path for path in groups(desk) if os.path.basename(path) == "together" and kills(path)]
    if killed:
        return wrong("one_survives", f"oom_kill {kills(killed[0])} and oom_group_kill 0 in {killed[0]}", "both")
    return not_yet("oom_group_kill of 1 or more in memory.events")


def kills(path: str) -> int:
    return look.counters(f"{path}/memory.events").get("oom_kill", 0)


def view(desk: Desk) -> Finding:
    running = look.running(*INSIDE)
    if not running:
        return not_yet("the process sleep 7071 in a cgroup and a cgroup namespace of its own", "no such process")
    pid = running[-1]
    where = (look.read(f"/proc/{pid}/cgroup") or "").rpartition("::")[2]
    if not where.lstrip("/").startswith(desk.prefix):
        return wrong("not_inside", f"process {pid} in {where}", f"below /{desk.prefix}")
    if not look.is_apart(pid, "cgroup"):
        return wrong("no_namespace", f"process {pid} reads {where}", "a cgroup namespace of its own")
    seen = look.inside(pid, ("cgroup",), lambda: look.read(f"/proc/{pid}/cgroup")) or ""
    if seen == "0::/":
        return done(f"process {pid} is in {where}, and reads /")
    return wrong("namespace_first", f"process {pid} reads {seen}", "0::/")


def clear(_desk: Desk) -> None:
    for words in (INSIDE, JOINING):
        sweep.end_running(*words)


COUNTERS = "Nothing has to run when check looks: the cgroup's files have kept count."

LAB = Lab(
    "cgroup v2: count, then limit",
    35,
    goals=(
        Goal(
            "tree",
            "The cgroup lab07 hands down cpu, memory and pids to those below it.",
            tree,
            points=3,
            tips=(
                "mkdir makes a cgroup, echo +NAME > cgroup.subtree_control hands a controller down",
                "cat lab07/cgroup.procs has to print nothing before that",
            ),
        ),
        Goal(
            "memory",
            "A process was killed because it wanted more memory than its cgroup may have.",
            memory,
            points=3,
            tips=("16M in memory.max, then tail /dev/zero from inside", COUNTERS),
            after=("tree",),
        ),
        Goal(
            "cpu",
            "A busy process was stopped ten times or more, because its time of the period was used up.",
            cpu,
            points=3,
            tips=("5000 50000 in cpu.max, then a loop of two seconds from inside", COUNTERS),
            after=("tree",),
        ),
        Goal(
            "pids",
            "A process was refused a child, because its cgroup was full.",
            pids,
            points=3,
            tips=("5 in pids.max, then ten times sleep in the background, from inside", COUNTERS),
            after=("tree",),
        ),
        Goal(
            "together",
            "In lab07/together two processes ran, and were both killed when one of them wanted too much memory.",
            together,
            points=3,
            tips=(
                "ls lab07/memory: one of the files there is about what the OOM killer takes",
                "docs.kernel.org, Control Group v2, memory.oom.group",
            ),
            after=("tree",),
        ),
        Goal(
            "view",
            "sleep 7071 runs in a cgroup below lab07, and reads / in its own /proc/self/cgroup.",
            view,
            points=3,
            tips=("two steps: into the cgroup, then unshare --cgroup sleep 7071", "the order of the two counts"),
        ),
        question(
            "nested",
            "100M in a cgroup's memory.max, 16M in that of its parent: how many MiB may its processes have?",
            ("16", "16m", "16 mib", "16mib", "16 m", "16 mb", "16mb"),
            wrongs={"nested_child": ("100", "100m", "100 mib", "100mib", "100 mb", "100mb", "116", "84")},
            tips=("try it: a cgroup lab07/parent with lab07/parent/child",),
        ),
    ),
    hints={
        "internal_processes": "A process is in lab07 itself, so the kernel lets it hand down no controllers (EBUSY): "
        "they would share with those below, and nobody could say how. Move the process into a cgroup below, or end it.",
        "not_handed_down": "A cgroup has the files of a controller only if its parent hands it down: echo '+cpu "
        "+memory +pids' > lab07/cgroup.subtree_control.",
        "memory_high": "memory.high kills nobody: above it the kernel takes memory back and slows the process down, "
        "for as long as it takes. The wall is memory.max.",
        "cpu_weight": "cpu.weight is a share: it counts only while others want the processor too, and stops nobody. "
        "The limit is cpu.max.",
        "cpu_whole": "cpu.max is TIME PERIOD, in microseconds. A loop is one process with one thread, and can use no "
        "more than one processor, which is PERIOD of every PERIOD: so TIME has to be less than that.",
        "pids_just_fits": "As many processes are in there as may be, and no one has asked for one more. The refusal is "
        "what is counted: let a process inside start another one.",
        "one_survives": "Only one of the two was killed: the OOM killer takes the process that frees the most, and "
        "lets the others live. A file of the cgroup says that all belong together, memory.oom.group. Write 1 there.",
        "not_inside": "sleep 7071 runs, but not in a cgroup below lab07. Which one a process is in, it takes over "
        "from its parent: so a shell goes in first, and then becomes sleep.",
        "no_namespace": "sleep 7071 is in the cgroup, and reads the whole path: it has the machine's cgroup namespace. "
        "unshare --cgroup gives it one of its own.",
        "namespace_first": "The root of a cgroup namespace is the cgroup that the process was in when it made the "
        "namespace. This one made it first and moved then: it sees how it moved away from its root.",
        "nested_child": "A limit counts for all that is below: what a child uses, its parent uses, too. So the "
        "tightest limit on the way up is met first.",
    },
    needs=(controllers("cpu", "memory", "pids"),),
    clear=clear,
)
