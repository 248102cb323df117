"""What containers use, as a picture: what `stats` prints once, and `top` keeps up to date."""

from __future__ import annotations

from ..record import Record
from .details import details, notes, peak_percent
from .drawing import CHOSEN, FAINT, FULL, HIGH, TEXT, TITLE, WAITS, clipped, cpus, duration, emphasis, fit, gauge, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..cgroups.usage import Waiting
    from ..runtime.usage import Look, Usage
    from .drawing import Drawing, Line

    Cell = Callable[[Usage, int, Drawing], Line]

NARROWEST = 60  # columns; on narrower screens lines are cut off
WIDE = 120  # from which on there is room for more


def picture(look: Look, width: int, drawing: Drawing, clock: str, shown: Sequence[str]) -> list[Line]:
    """A line for each container, and below those that are to be `shown` in full."""
    width = max(width, NARROWEST)
    lines = [heading(look, width, clock), [], *table(look.containers, width, drawing)]
    for usage in look.containers:
        if usage.id in shown:
            lines += [[], *details(usage, width, drawing)]
    reasons = notes(look.containers)
    return [fit(line, width, drawing) for line in (*lines, *([[], *reasons] if reasons else []))]


def heading(look: Look, width: int, clock: str) -> Line:
    count, machine = len(look.containers), look.machine
    told = f"{count} container{'' if count == 1 else 's'} on {cpus(machine.cpus)}, {size(machine.memory_bytes)} memory"
    return [("minirun  ", TITLE), (told.ljust(width - len("minirun  ") - len(clock)), TEXT), (clock, TEXT)]


# ---- one line for each


class Column(Record):
    """`width` 0 shares what the others leave, as a bar does."""

    name: str
    width: int
    right: bool
    cell: Cell


def table(containers: Sequence[Usage], width: int, drawing: Drawing, chosen: str = "") -> list[Line]:
    """The headings, and a line for each container; the one that is chosen is marked."""
    if not containers:
        return [[("no container is running", FAINT)]]
    columns = columns_for(containers, width)
    headings = " ".join(f"{column.name:{'>' if column.right else '<'}{column.width}}" for column in columns)
    lines: list[Line] = [[(headings, TITLE)]]
    for usage in containers:
        name, *cells = [column.cell(usage, column.width, drawing) for column in columns]
        marked = [(text, CHOSEN) for text, _ in name] if usage.id == chosen else name
        lines.append([piece for cell in (marked, *cells) for piece in (*cell, (" ", TEXT))])
    return lines


def columns_for(containers: Sequence[Usage], width: int) -> list[Column]:
    """The id has what it needs, as far as there is room, and the bars have the rest."""
    longest = max(len(usage.id) for usage in containers)
    name = Column("CONTAINER", min(max(longest, len("CONTAINER")), max(12, width // 5)), False, name_cell)
    columns = [name, *COLUMNS, *(MORE_COLUMNS if width >= WIDE else ())]
    rest = width - sum(column.width + 1 for column in columns) + 1
    shared = rest // sum(column.width == 0 for column in columns)
    return [column.replace(width=column.width or shared) for column in columns]


def name_cell(usage: Usage, width: int, _drawing: Drawing) -> Line:
    return [(clipped(usage.id, width).ljust(width), TEXT)]


def status_cell(usage: Usage, width: int, _drawing: Drawing) -> Line:
    return [(usage.status.ljust(width), TEXT if usage.status == "running" else HIGH)]


def cpu_cell(usage: Usage, width: int, drawing: Drawing) -> Line:
    return gauge(usage.cpu.percent if usage.cpu else None, width, drawing)


def memory_cell(usage: Usage, width: int, drawing: Drawing) -> Line:
    memory = usage.memory
    return gauge(memory.percent, width, drawing, peak_percent(memory)) if memory else gauge(None, width, drawing)


def pids_cell(usage: Usage, width: int, _drawing: Drawing) -> Line:
    return right(str(usage.pids.used), width, emphasis(usage.pids.percent)) if usage.pids else right("-", width, FAINT)


def oom_cell(usage: Usage, width: int, _drawing: Drawing) -> Line:
    kills = usage.memory.oom_kills if usage.memory else "-"
    return right(str(kills), width, FAINT if kills == "-" else FULL if kills else TEXT)


def waits_cell(what: str) -> Cell:
    def cell(usage: Usage, width: int, _drawing: Drawing) -> Line:
        waiting: Waiting | None = getattr(usage.pressure, what)
        if waiting is None:
            return right("-", width, FAINT)
        return right(f"{waiting.some_percent:.0f}%", width, emphasis(waiting.some_percent, WAITS))

    return cell


def uptime_cell(usage: Usage, width: int, _drawing: Drawing) -> Line:
    return right(duration(usage.uptime_seconds), width, TEXT)


def program_cell(usage: Usage, width: int, _drawing: Drawing) -> Line:
    return [(clipped(usage.program, width), TEXT)]


def right(text: str, width: int, style: str) -> Line:
    return [(text.rjust(width), style)]


COLUMNS = (
    Column("STATUS", 7, False, status_cell),
    Column("CPU", 0, False, cpu_cell),
    Column("MEMORY", 0, False, memory_cell),
    Column("PIDS", 5, True, pids_cell),
    Column("OOM", 3, True, oom_cell),
    Column("WAITS:cpu", 9, True, waits_cell("cpu")),
    Column("mem", 4, True, waits_cell("memory")),
    Column("io", 4, True, waits_cell("io")),
)
MORE_COLUMNS = (
    Column("UP", 12, True, uptime_cell),
    Column("PROGRAM", 24, False, program_cell),
)
