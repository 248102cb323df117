"""What was measured as a table: for people at a terminal, or in Markdown."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stopwatch import Sample

BASES = ("runc", "crun")  # ratios are to these, where they were measured
NONE = "-"


class Figures:
    """All samples that were taken of one row and runtime."""

    def __init__(self) -> None:
        self.wall: list[float] = []
        self.cpu: list[float] = []
        self.memory: list[float] = []

    def note(self, sample: Sample) -> None:
        for kind, value in sample._asdict().items():
            if value is not None:
                getattr(self, kind).append(value)


Measured = dict[str, dict[str, Figures]]  # by row, then by runtime


def total(samples: Iterable[Sample]) -> Sample:
    """Of several commands: the sum of their times, and the largest of their peaks."""
    first, *others = samples
    for other in others:
        wall, cpu, memory = (both(a, b, how) for a, b, how in zip(first, other, (sum, sum, max)))
        first = first._replace(wall=wall, cpu=cpu, memory=memory)
    return first


def both(one: float | None, other: float | None, how: object) -> float | None:
    return None if one is None or other is None else how((one, other))


def cells(measured: Measured) -> Iterator[list[str]]:
    """The head, and then a line for each row and runtime."""
    names = list(dict.fromkeys(name for figures in measured.values() for name in figures))
    bases = [base for base in BASES if base in names] or names[:1]
    ratios = [f"/{base}" for base in bases]
    yield ["", "", "wall min", "median", *ratios, "cpu min", "median", *ratios, "MiB", *ratios]
    for row, by_name in measured.items():
        for place, (name, figures) in enumerate(by_name.items()):
            others = [by_name.get(base) for base in bases]
            yield ["" if place else row, name, *figure_cells(figures, others)]


def figure_cells(figures: Figures, bases: list[Figures | None]) -> Iterator[str]:
    for kind in ("wall", "cpu", "memory"):
        values = getattr(figures, kind)
        if kind != "memory":
            yield f"{min(values):.1f}" if values else NONE
        yield f"{median(values):.1f}" if values else NONE
        yield from (ratio(values, getattr(base, kind, [])) for base in bases)


def ratio(values: list[float], base: list[float]) -> str:
    """Of the medians."""
    return f"{median(values) / median(base):.2f}" if values and base and median(base) else NONE


# ---- how it is written


def as_text(rows: list[list[str]], names: int = 2) -> str:
    """The first columns are names, the others figures."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(aligned(row, widths, names)).rstrip() for row in rows)


def aligned(row: list[str], widths: list[int], names: int) -> Iterator[str]:
    for column, (cell, width) in enumerate(zip(row, widths)):
        yield cell.ljust(width) if column < names else cell.rjust(width)


def as_markdown(rows: list[list[str]], names: int = 2) -> str:
    head, *others = rows
    rule = ["---"] * names + ["--:"] * (len(head) - names)
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *others))
