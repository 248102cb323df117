"""One container in full: each thing that it uses with a bar, and in words what the bar is a part of."""

from __future__ import annotations

from ..cgroups.usage import MACHINE
from .drawing import FAINT, FULL, NUMBER, TEXT, THROTTLED, TITLE, WAITS, cpus, duration, emphasis, gauge, joined, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ..cgroups.usage import CpuUse, MemoryUse
    from ..runtime.usage import Usage
    from .drawing import Drawing, Line, Piece

LABEL = 8  # columns
WORDS = 54  # what stands behind a bar


def details(usage: Usage, width: int, drawing: Drawing) -> list[Line]:
    bar = min(40, max(10, width - LABEL - WORDS)) + NUMBER
    since = f"  {usage.status}, up {duration(usage.uptime_seconds)}, pid {usage.pid}: "
    return [
        [(usage.id, TITLE), (since, TEXT), (usage.program or "waits for start", TEXT)],
        *cpu_lines(usage, bar, drawing),
        *memory_lines(usage, bar, drawing),
        *swap_lines(usage, bar, drawing),
        *pids_lines(usage, bar, drawing),
        *io_lines(usage),
        *pressure_lines(usage),
    ]


def notes(containers: Iterable[Usage]) -> list[Line]:
    """Why there is a hyphen in some places, and nothing in others; each reason once."""
    reasons = dict.fromkeys(why for usage in containers for why in usage.missing)
    return [[(why, FAINT)] for why in reasons]


def labelled(label: str, *pieces: Piece) -> Line:
    return [(label.ljust(LABEL), TITLE), *pieces]


def cpu_lines(usage: Usage, bar: int, drawing: Drawing) -> Iterator[Line]:
    cpu = usage.cpu
    if cpu is None:
        return
    used = "-" if cpu.used_cpus is None else f"{cpu.used_cpus:.2f}"
    words = measure(used, cpu.limit_cpus, cpu.bound_cpus, cpu.bound_by, cpus)
    yield labelled("cpu", *gauge(cpu.percent, bar, drawing), (f"  {words}", TEXT))
    more = [throttling(cpu)] if cpu.throttled_percent is not None and cpu.limit_cpus is not None else []
    if cpu.machine_percent is not None and cpu.bound_by != MACHINE:
        more.append((f"{cpu.machine_percent:.0f}% of the machine", TEXT))
    if more:
        yield labelled("", *joined(more))


def throttling(cpu: CpuUse) -> Piece:
    share, total = cpu.throttled_percent or 0.0, cpu.throttled_seconds or 0.0
    return f"throttled in {share:.0f}% of the periods ({total:.1f} s in all)", emphasis(share, THROTTLED)


def memory_lines(usage: Usage, bar: int, drawing: Drawing) -> Iterator[Line]:
    memory = usage.memory
    if memory is None:
        return
    limits = [limit for limit in (memory.high_bytes, memory.limit_bytes) if limit is not None]
    words = measure(size(memory.used_bytes), min(limits, default=None), memory.bound_bytes, memory.bound_by, size)
    yield labelled("memory", *gauge(memory.percent, bar, drawing, peak_percent(memory)), (f"  {words}", TEXT))
    more: list[Piece] = [] if memory.peak_bytes is None else [(f"peak {size(memory.peak_bytes)}", TEXT)]
    if memory.bound_by == "memory.high" and memory.limit_bytes is not None:
        more.append((f"max {size(memory.limit_bytes)}", TEXT))
    elif memory.bound_by != "memory.high" and memory.high_bytes is not None:
        more.append((f"high {size(memory.high_bytes)}", TEXT))
    more.append((f"OOM kills: {memory.oom_kills}", FULL if memory.oom_kills else TEXT))
    yield labelled("", *joined(more))


def peak_percent(memory: MemoryUse) -> float | None:
    if memory.peak_bytes is None or not memory.bound_bytes:
        return None
    return 100 * memory.peak_bytes / memory.bound_bytes


def swap_lines(usage: Usage, bar: int, drawing: Drawing) -> Iterator[Line]:
    swap = usage.swap
    if swap:
        words = measure(size(swap.used_bytes), swap.limit_bytes, swap.bound_bytes, swap.bound_by, size)
        words = words if swap.bound_bytes else f"none ({swap.bound_by}: 0 B)"
        yield labelled("swap", *gauge(swap.percent, bar, drawing), (f"  {words}", TEXT))


def pids_lines(usage: Usage, bar: int, drawing: Drawing) -> Iterator[Line]:
    pids = usage.pids
    if pids:
        words = measure(str(pids.used), pids.limit, pids.bound, pids.bound_by, "{:.0f}".format)
        yield labelled("pids", *gauge(pids.percent, bar, drawing), (f"  {words}", TEXT))


def io_lines(usage: Usage) -> Iterator[Line]:
    if usage.io:
        speeds = (usage.io.read_bytes_per_second, usage.io.written_bytes_per_second)
        read, written = ("-" if speed is None else f"{size(speed)}/s" for speed in speeds)
        yield labelled("io", (f"reads {read}, writes {written}", TEXT))


def pressure_lines(usage: Usage) -> Iterator[Line]:
    """Documentation/accounting/psi.rst: "some" is that tasks wait, "full" that all of them do at once."""
    waits = [(name, getattr(usage.pressure, name)) for name in usage.pressure.fields]
    told = [
        (f"{name} {one.some_percent:.0f}%/{one.full_percent:.0f}%", emphasis(one.some_percent, WAITS))
        for name, one in waits
        if one
    ]
    if told:
        yield labelled("waits", *joined(told), ("  (some tasks/all tasks, last 10 s)", TEXT))


def measure(used: str, limit: float | None, bound: float, bound_by: str, tell: Callable[[float], str]) -> str:
    """ "2 of 5 (pids.max)"; where something else than its own limit bounds it, that, too."""
    if bound_by == MACHINE or " of " in bound_by:
        own = "no limit" if limit is None else f"limit {tell(limit)}"
        return f"{used}, {own} ({bound_by}: {tell(bound)})"
    return f"{used} of {tell(bound)} ({bound_by})"
