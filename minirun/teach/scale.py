"""A scale for times: where its ticks are, and what stands at them."""

from __future__ import annotations

from .text import UNITS

MOST = 6  # ticks, beside that at zero
ROUND = (1, 2, 5, 10)


def ticks(longest: int) -> list[int]:
    """From zero on, in nanoseconds, as many as there is room for at round numbers."""
    between = distance(longest)
    return list(range(0, longest + 1, between))


def distance(longest: int) -> int:
    """The smallest of 1, 2, 5, 10, 20 … microseconds that leaves no more than MOST of them."""
    power = 1000
    while True:
        for step in ROUND:
            if power * step * MOST >= longest:
                return power * step
        power *= 10


def tick_label(tick: int, longest: int) -> str:
    """In the unit of the whole scale."""
    size, unit = unit_of(longest)
    return f"{tick / size:g} {unit}" if tick else "0"


def unit_of(longest: int) -> tuple[int, str]:
    return next(((size, unit) for size, unit in UNITS if longest >= size), (1000, "µs"))


def share(part: int, whole: int) -> str:
    """In percent; of what is less than a tenth of one, that."""
    if not whole:
        return "–"
    percent = 100 * part / whole
    return "< 0.1 %" if 0 < percent < 0.1 else f"{percent:.1f} %"
