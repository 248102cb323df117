"""The files of a cgroup at two moments -> what it uses, and of how much: the numbers of `stats` and `top`.

A limit that is not set is no measure, but something is: the limit of a cgroup above, which is shared with others, or
what the machine has. So each use has a `bound`, the lowest of them all, with its name. Right is the kernel's
Documentation/admin-guide/cgroup-v2.rst. Nothing here reads a file; the names of the fields are those of the JSON, with
their units.
"""

from __future__ import annotations

from ..record import Record
from .statistics import number, numbers, pressure_lines, table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from .statistics import Files

    Limit = tuple[float, str]  # how much, and the file that says so

OWN = ("cpu.stat", "cpuset.cpus.effective", "memory.current", "memory.peak", "memory.events", "memory.swap.current",
       "pids.current", "io.stat", "cpu.pressure", "memory.pressure", "io.pressure")  # fmt: skip
LIMITS = ("cpu.max", "memory.max", "memory.high", "memory.swap.max", "pids.max")
MACHINE = "the machine"


class Machine(Record):
    """What all containers share."""

    cpus: int
    memory_bytes: int
    swap_bytes: int
    pids: int


class Reading(Record):
    """A cgroup at one moment: its files by name, as far as they are there, and the limits of those above it."""

    seconds: float  # of a clock that never goes back
    own: Files
    above: tuple[tuple[str, Files], ...]  # the nearest first, each with its path below the mount point
    machine: Machine


class CpuUse(Record):
    used_seconds: float
    used_cpus: float | None  # on average between the two readings; without an earlier one nobody knows
    limit_cpus: float | None
    bound_cpus: float
    bound_by: str
    percent: float | None  # of the bound
    machine_percent: float | None
    throttled_percent: float | None  # of the periods (cpu.max) that it wanted to run in
    throttled_seconds: float | None


class MemoryUse(Record):
    used_bytes: int
    limit_bytes: int | None
    high_bytes: int | None
    bound_bytes: int
    bound_by: str
    percent: float
    peak_bytes: int | None
    oom_kills: int


class SwapUse(Record):
    used_bytes: int
    limit_bytes: int | None
    bound_bytes: int
    bound_by: str
    percent: float


class PidsUse(Record):
    used: int
    limit: int | None
    bound: int
    bound_by: str
    percent: float


class IoUse(Record):
    read_bytes: int
    written_bytes: int
    read_bytes_per_second: float | None
    written_bytes_per_second: float | None


class Waiting(Record):
    """How much of the last ten seconds some tasks, or all, stood still for the want of something (PSI, avg10)."""

    some_percent: float
    full_percent: float


class Pressure(Record):
    cpu: Waiting | None
    memory: Waiting | None
    io: Waiting | None


# ---- the parts, each None where the kernel does not count it


def cpu(before: Reading | None, now: Reading) -> CpuUse | None:
    """cpu.stat is there without the controller, too, but then it knows nothing of periods."""
    if "cpu.stat" not in now.own:
        return None
    told = table(now.own["cpu.stat"])
    earlier = table(before.own.get("cpu.stat", "")) if before else {}
    passed = now.seconds - before.seconds if before else 0.0
    used = rate("usage_usec", earlier, told, passed * 1e6)
    bound, bound_by = lowest(cpu_limits(now))
    return CpuUse(
        used_seconds=told["usage_usec"] / 1e6,
        used_cpus=used,
        limit_cpus=quota_of(now.own.get("cpu.max", "")),
        bound_cpus=bound,
        bound_by=bound_by,
        percent=None if used is None else percent(used, bound),
        machine_percent=None if used is None else percent(used, now.machine.cpus),
        throttled_percent=throttled(earlier, told),
        throttled_seconds=told["throttled_usec"] / 1e6 if "throttled_usec" in told else None,
    )


def cpu_limits(now: Reading) -> Iterator[Limit]:
    """A quota and a set of processors both bound it. The set counts those above in by itself."""
    for where, files in places(now):
        allowed = quota_of(files.get("cpu.max", ""))
        if allowed is not None:
            yield allowed, f"cpu.max{where}"
    yield now.machine.cpus, MACHINE
    if chosen := numbers(now.own.get("cpuset.cpus.effective", "")):
        yield len(chosen), "cpuset.cpus"


def quota_of(text: str) -> float | None:
    """ "20000 100000" -> 0.2 processors; None for no limit: cpu.max."""
    quota, period = [*text.split(), "max", "1"][:2]
    return None if quota == "max" else int(quota) / int(period)


def throttled(earlier: dict[str, int], told: dict[str, int]) -> float | None:
    """The share of the periods between the readings in which the quota was used up; None where there are no quotas."""
    if "nr_periods" not in earlier or "nr_periods" not in told:
        return None
    periods = told["nr_periods"] - earlier["nr_periods"]
    return percent(told["nr_throttled"] - earlier["nr_throttled"], periods) if periods > 0 else 0.0


def memory(now: Reading) -> MemoryUse | None:
    """memory.high bounds it like memory.max: above, its tasks are slowed down, and made to give memory back."""
    if "memory.current" not in now.own:
        return None
    used, peak = number(now.own["memory.current"]), now.own.get("memory.peak")
    limits = [*limits_of(now, "memory.max"), *limits_of(now, "memory.high"), (now.machine.memory_bytes, MACHINE)]
    bound, bound_by = lowest(limits)
    return MemoryUse(
        used_bytes=used,
        limit_bytes=own_limit(now, "memory.max"),
        high_bytes=own_limit(now, "memory.high"),
        bound_bytes=int(bound),
        bound_by=bound_by,
        percent=percent(used, bound),
        peak_bytes=None if peak is None else number(peak),
        oom_kills=table(now.own.get("memory.events", "")).get("oom_kill", 0),
    )


def swap(now: Reading) -> SwapUse | None:
    if "memory.swap.current" not in now.own:
        return None
    used = number(now.own["memory.swap.current"])
    bound, bound_by = lowest([*limits_of(now, "memory.swap.max"), (now.machine.swap_bytes, MACHINE)])
    return SwapUse(used, own_limit(now, "memory.swap.max"), int(bound), bound_by, percent(used, bound))


def pids(now: Reading) -> PidsUse | None:
    """Threads count, too."""
    if "pids.current" not in now.own:
        return None
    used = number(now.own["pids.current"])
    bound, bound_by = lowest([*limits_of(now, "pids.max"), (now.machine.pids, MACHINE)])
    return PidsUse(used, own_limit(now, "pids.max"), int(bound), bound_by, percent(used, bound))


def io(before: Reading | None, now: Reading) -> IoUse | None:
    """All disks together."""
    if "io.stat" not in now.own:
        return None
    told = transferred(now.own["io.stat"])
    earlier = transferred(before.own["io.stat"]) if before and "io.stat" in before.own else {}
    passed = now.seconds - before.seconds if before else 0.0
    return IoUse(
        told["rbytes"],
        told["wbytes"],
        rate("rbytes", earlier, told, passed),
        rate("wbytes", earlier, told, passed),
    )


def transferred(text: str) -> dict[str, int]:
    """ "8:0 rbytes=4096 wbytes=0 rios=1 …", a line for each disk -> the sums."""
    pairs = [pair.partition("=") for line in text.splitlines() for pair in line.split()[1:]]
    return {wanted: sum(int(value) for key, _, value in pairs if key == wanted) for wanted in ("rbytes", "wbytes")}


def pressure(now: Reading) -> Pressure:
    return Pressure(*(waiting(now.own.get(f"{what}.pressure", "")) for what in Pressure.fields))


def waiting(text: str) -> Waiting | None:
    told = dict(pressure_lines(text))
    return Waiting(told["some"]["avg10"], told.get("full", {}).get("avg10", 0.0)) if told else None


# ---- bounds


def places(now: Reading) -> Iterator[tuple[str, Files]]:
    """The cgroup itself and those above it, each with the words that tell which one is meant."""
    yield "", now.own
    yield from ((f" of {path}", files) for path, files in now.above)


def limits_of(now: Reading, name: str) -> Iterator[Limit]:
    for where, files in places(now):
        told = files.get(name, "max").strip()
        if told != "max":
            yield int(told), name + where


def own_limit(now: Reading, name: str) -> int | None:
    told = now.own.get(name, "max").strip()
    return None if told == "max" else int(told)


def lowest(limits: Sequence[Limit] | Iterator[Limit]) -> Limit:
    """Of equal ones the first."""
    return min(limits, key=lambda limit: limit[0])


# ---- numbers


def percent(part: float, whole: float) -> float:
    """Of nothing, nothing is 0 % and anything is 100 %."""
    if whole <= 0:
        return 100.0 if part else 0.0
    return round(100 * part / whole, 2)


def rate(name: str, earlier: dict[str, int], told: dict[str, int], passed: float) -> float | None:
    """How fast a counter grows; None where there is nothing to compare with."""
    if passed <= 0 or name not in earlier:
        return None
    return round(max(0, told[name] - earlier[name]) / passed, 4)


def plain(value: Any) -> Any:
    """Records as dictionaries, for JSON."""
    if isinstance(value, Record):
        return {name: plain(part) for name, part in zip(value.fields, value.values())}
    return list(value) if isinstance(value, tuple) else value
