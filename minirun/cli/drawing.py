"""What pictures of usage are drawn with: bars, numbers with their units, and styles.

A line is a list of pieces, each a text with the name of a style. Who paints them decides what a style looks like, and
nothing here knows of terminals: the same numbers and the same width give the same lines.
"""

from __future__ import annotations

import unicodedata

from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    Piece = tuple[str, str]
    Line = list[Piece]

# Styles. What is too high is not told by its colour alone, which beamers make pale: its number is bold.
TEXT, TITLE, CHOSEN, FAINT, HIGH, FULL = "text", "title", "chosen", "faint", "high", "full"
GOOD_BAR, HIGH_BAR, FULL_BAR = "good bar", "high bar", "full bar"

# From which percentage on something is high, and too high.
Levels = tuple[float, float]
USE: Levels = (75.0, 90.0)
WAITS: Levels = (10.0, 40.0)
THROTTLED: Levels = (10.0, 50.0)


class Drawing(Record):
    """What a bar is drawn with."""

    full: str
    empty: str
    mark: str


UNICODE, ASCII = Drawing("█", "░", "│"), Drawing("#", ".", "|")


def one_of(styles: tuple[str, str, str], percent: float, levels: Levels) -> str:
    high, full = levels
    return styles[(percent >= high) + (percent >= full)]


def emphasis(percent: float, levels: Levels = USE) -> str:
    """The style of a number: nothing special while all is well."""
    return one_of((TEXT, HIGH, FULL), percent, levels)


NUMBER = 6  # columns of the number behind a bar


def gauge(percent: float | None, width: int, drawing: Drawing, mark: float | None = None) -> Line:
    """A bar and its number behind it; `mark` is another percentage to be seen in the bar, as for the most there was."""
    long = width - NUMBER
    if percent is None:
        return [(drawing.empty * long, FAINT), ("-".rjust(NUMBER), FAINT)]
    full = min(long, round(long * percent / 100))
    empty = [drawing.empty] * (long - full)
    place = 0 if mark is None else min(long - 1, int(long * mark / 100))
    if place and place >= full:  # in front of the bar it would only be noise
        empty[place - full] = drawing.mark
    bar = (drawing.full * full, one_of((GOOD_BAR, HIGH_BAR, FULL_BAR), percent, USE))
    return [bar, ("".join(empty), FAINT), (f"{percent:.0f}%".rjust(NUMBER), emphasis(percent))]


def joined(pieces: list[Piece]) -> Line:
    """With commas between them."""
    return [part for piece in pieces for part in ((", ", TEXT), piece)][1:]


# ---- numbers


def cpus(number: float) -> str:
    return f"{number:g} CPU{'' if number == 1 else 's'}"


def size(number: float) -> str:
    """ "58.3 MiB" """
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if number < 1000 or unit == "TiB":
            return f"{number:.0f} {unit}" if unit == "B" or number >= 100 else f"{number:.1f} {unit}"
        number /= 1024
    raise AssertionError


def duration(seconds: float) -> str:
    """The two largest units: "2 h 13 min"."""
    rest = int(seconds)
    parts: list[str] = []
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, rest = divmod(rest, length)
        if count or parts or unit == "s":
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])


# ---- widths


def clipped(text: str, width: int) -> str:
    """At most so many columns. Characters of East Asia take two (UAX #11)."""
    kept, columns = "", 0
    for char in text:
        columns += cells(char)
        if columns > width:
            return kept
        kept += char
    return kept


def cells(char: str) -> int:
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def fit(line: Line, width: int, drawing: Drawing) -> Line:
    """What there is room for, in characters that the terminal has."""
    kept: Line = []
    for text, style in line:
        part = clipped(text if drawing == UNICODE else text.encode("ascii", "replace").decode(), width)
        width -= sum(map(cells, part))
        kept.append((part, style))
    return kept
