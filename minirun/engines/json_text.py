"""A JSON text to which something is added, and from which it is taken away again, while the rest keeps its bytes: the
order, the indentation and whatever else somebody has made of it by hand.

What `removed` leaves is what `added` was given.
"""

from __future__ import annotations

import json
import re

from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

WHITE = re.compile(r"[ \t\n\r]*")


class Member(Record):
    """One of an object's: where its key begins, where its value begins, and where that ends."""

    key: str
    value: Any
    start: int
    value_start: int
    end: int


def members(text: str, brace: int) -> list[Member]:
    """Those of the object that begins at `brace`, in valid JSON."""
    return list(each_member(text, brace))


def each_member(text: str, brace: int) -> Iterator[Member]:
    place = after_white(text, brace + 1)
    while text[place] != "}":
        key, end = json.decoder.scanstring(text, place + 1)  # type: ignore[attr-defined]
        value_start = after_white(text, after_white(text, end) + 1)  # a colon is between them
        value, value_end = json.JSONDecoder().raw_decode(text, value_start)
        yield Member(key, value, place, value_start, value_end)
        place = after_white(text, value_end)
        if text[place] == ",":
            place = after_white(text, place + 1)


def after_white(text: str, place: int) -> int:
    return WHITE.match(text, place).end()  # type: ignore[union-attr]


def first_brace(text: str) -> int:
    return after_white(text, 0)


def member(text: str, brace: int, key: str) -> Member | None:
    """Of a key that is there twice, the last one, as every reader has it."""
    return next((found for found in reversed(members(text, brace)) if found.key == key), None)


def added(text: str, brace: int, key: str, value: object) -> str:
    """The text with one member more, written as the last one is; in an empty object, on its line."""
    there = members(text, brace)
    if not there:
        return f"{text[: brace + 1]}{blank_of(brace)}{written(key, value, '')}{text[brace + 1 :]}"
    before, place = white_before(text, there[-1]), there[-1].end
    unit = white_before(text, members(text, first_brace(text))[-1])
    return f"{text[:place]},{before or ' '}{written(key, value, before, unit)}{text[place:]}"


def blank_of(brace: int) -> str:
    """Inside of an empty object that was there, a blank tells that it was not minirun who has made it."""
    return " " if brace else ""


def removed(text: str, brace: int, gone: Member) -> str:
    """The text without a member, and without the comma that it needed."""
    there = members(text, brace)
    number = there.index(gone)
    if number:
        return text[: there[number - 1].end] + text[gone.end :]
    if len(there) > 1:
        return text[: gone.start] + text[there[1].start :]
    return text[: brace + 1] + text[gone.end :]


def white_before(text: str, found: Member) -> str:
    """What separates a member from the one before, or from the brace."""
    return text[len(text[: found.start].rstrip(" \t\n\r")) : found.start]


def written(key: str, value: object, before: str, unit: str = "") -> str:
    """A member as it looks behind this white space: over several lines, where it begins one. `unit` is the white space
    before a member of the outermost object, if that is another."""
    indent = indentation(before)
    text = json.dumps(value, indent=indent and (indentation(unit) or indent), ensure_ascii=False)
    return f"{json.dumps(key)}: " + text.replace("\n", f"\n{indent}")


def indentation(white: str) -> str | None:
    """None where no line begins, or without any."""
    return white.rpartition("\n")[2] or None if "\n" in white else None
