"""Painted words in lines of a given width. A colour's escape sequence takes no room, so that what a word is (its kind)
is kept beside it until the line is done."""

from __future__ import annotations

from itertools import groupby

from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..teach.text import Paint


class Piece(Record):
    """Letters of one kind, such as "strong"; "" is as it comes."""

    kind: str
    text: str


Word = tuple[Piece, ...]  # what may not be torn apart: a bold word and the comma after it
BLANK, BREAK = Piece("", " "), Piece("", "\n")


def lines(pieces: Iterable[Piece], width: int, paint: Paint) -> list[str]:
    """Folded to the width, each painted. There is one line at least."""
    return [painted(line, paint) for line in folded(pieces, width)]


def folded(pieces: Iterable[Piece], width: int) -> list[list[Piece]]:
    made: list[list[Piece]] = [[]]
    for word in words(pieces):
        if word == (BREAK,):
            made.append([])
            continue
        room = width - length(made[-1]) - 1
        if made[-1] and length(word) > room:
            made.append([])
        first, *others = chunks(word, width)
        made[-1] += [between(made[-1][-1], first[0]), *first] if made[-1] else first
        made += others
    return made


def between(one: Piece, other: Piece) -> Piece:
    """The blank, as part of a bold text or not."""
    return Piece(one.kind if one.kind == other.kind else "", " ")


def words(pieces: Iterable[Piece]) -> Iterator[Word]:
    """Cut at blanks; those of a `whole` piece stay (see `whole`)."""
    word: list[Piece] = []
    for piece in pieces:
        for number, part in enumerate(cut(piece)):
            if number and word:
                yield tuple(word)
                word = []
            if part == BREAK.text:
                yield (BREAK,)
            elif part:
                word.append(piece.replace(text=part))
    if word:
        yield tuple(word)


def cut(piece: Piece) -> list[str]:
    """At blanks, and before and after a line break."""
    return piece.text.replace("\n", " \n ").split(" ")


STUCK = "\N{NO-BREAK SPACE}"  # it is shown as a blank


def whole(text: str) -> str:
    """A text in which no line ends, unless it is longer than a line."""
    return text.replace(" ", STUCK)


def chunks(word: Word, width: int) -> list[list[Piece]]:
    """A word that is longer than a line is torn apart, behind its last blank or slash if there are any."""
    made: list[list[Piece]] = [[]]
    rest = list(word)
    while rest:
        piece = rest.pop(0)
        room = width - length(made[-1])
        if len(piece.text) <= room:
            made[-1].append(piece)
            continue
        end = joint(piece.text[:room]) or (room if not made[-1] else 0)
        if end:
            made[-1].append(piece.replace(text=piece.text[:end]))
        made.append([])
        rest.insert(0, piece.replace(text=piece.text[end:]))
    return made


def joint(text: str) -> int:
    return text.rfind(STUCK) + 1 or text.rfind("/") + 1


def length(pieces: Iterable[Piece]) -> int:
    return sum(len(piece.text) for piece in pieces)


def painted(pieces: Iterable[Piece], paint: Paint) -> str:
    kinds = groupby(pieces, lambda piece: piece.kind)
    shown = ((kind, "".join(piece.text for piece in same).replace(STUCK, " ")) for kind, same in kinds)
    return "".join(paint(kind, text) if kind else text for kind, text in shown)
