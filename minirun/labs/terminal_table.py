"""A table for a terminal: columns as wide as what is in them, and where that is too wide, folded."""

from __future__ import annotations

from ..record import Record
from .folding import Piece, folded, length, painted, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..teach.text import Paint

GAP = "  "
RULE = "─"


class Cell(Record):
    pieces: tuple[Piece, ...]
    is_right: bool = False

    @property
    def width(self) -> int:
        return max(map(length, folded(self.pieces, 10_000)))

    @property
    def longest_word(self) -> int:
        return max(map(length, words(self.pieces)), default=0)


def drawn(rows: Sequence[Sequence[Cell]], width: int, paint: Paint) -> Iterator[str]:
    """The first row is the headings. Rows of several lines have empty lines between, to be told apart."""
    columns = widths(rows, width - len(GAP) * (len(rows[0]) - 1))
    head, *body = ([*in_lines(row, columns, paint)] for row in rows)
    yield from head
    yield paint("about", GAP.join(RULE * column for column in columns))
    is_tall = any(len(row) > 1 for row in body)
    for number, row in enumerate(body):
        yield from ["", *row] if number and is_tall else row


def widths(rows: Sequence[Sequence[Cell]], room: int) -> list[int]:
    """Each column's. The widest gives way first, and no column tears a word apart while another has room to give."""
    columns = [[cell for cell in column if cell.pieces] for column in zip(*rows)]
    made = [max((cell.width for cell in column), default=1) for column in columns]
    least = [max((cell.longest_word for cell in column), default=1) for column in columns]
    while sum(made) > room and max(made) > 1:
        place = max(range(len(made)), key=lambda place: (made[place] > least[place], made[place]))
        made[place] -= 1
    return made


def in_lines(row: Sequence[Cell], columns: Sequence[int], paint: Paint) -> Iterator[str]:
    cells = [folded(cell.pieces, column) for cell, column in zip(row, columns)]
    for number in range(max(map(len, cells))):
        parts = (cell[number] if number < len(cell) else [] for cell in cells)
        padded = (beside(part, cell.is_right, column, paint) for part, cell, column in zip(parts, row, columns))
        yield GAP.join(padded).rstrip()


def beside(pieces: Sequence[Piece], is_right: bool, column: int, paint: Paint) -> str:
    blanks = " " * (column - length(pieces))
    return blanks + painted(pieces, paint) if is_right else painted(pieces, paint) + blanks
