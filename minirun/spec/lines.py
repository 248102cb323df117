"""In which line of config.json a value stands: for an error, when there is one. The text is JSON by then.

    {"mounts": [           line 1
        {"type": 7}        line 2: /mounts/0, /mounts/0/type
    ]}

The text is gone through once, token by token, and not by recursion: it may be deep. Where a name stands twice in an
object, it is the last one that counts.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left

from .gather import parents
from .reader import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..errors import ConfigError

# A string whole, with what is escaped in it; a bracket or a comma; a number or a word. Colons and blanks tell nothing.
TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[][{},]|[^][{},:"\s]+', re.DOTALL)


def located(error: ConfigError, data: bytes) -> ConfigError:
    """The same error with the number of its line, in a text that can be decoded."""
    number = lines(data, [error.pointer]).get(error.pointer)
    return error.in_line(number) if number else error


def lines(data: bytes, pointers: Iterable[str]) -> dict[str, int]:
    """The line, from 1 on, in which the value at each pointer begins. Of what is missing, it is that of the object or
    array that lacks it. The top level has none, since it is all of the file; nor has anything in a text of one line."""
    wanted = [pointer for pointer in pointers if pointer]
    if not wanted or b"\n" not in data.strip():
        return {}
    text = data.decode()
    begins = beginnings(text, {*wanted, *(holder for pointer in wanted for holder in parents(pointer))})
    breaks = [found.start() for found in re.finditer("\n", text)]
    places = {pointer: innermost(pointer, begins) for pointer in wanted}
    return {pointer: bisect_left(breaks, place) + 1 for pointer, place in places.items() if place is not None}


def innermost(pointer: str, begins: dict[str, int]) -> int | None:
    """Where the value begins, or else what is nearest around it, but for the whole text."""
    return next((begins[one] for one in (pointer, *parents(pointer)) if one and one in begins), None)


def beginnings(text: str, wanted: set[str]) -> dict[str, int]:
    """Where in the text the values at these pointers begin. A holder of a wanted one has to be wanted, too."""
    begins: dict[str, int] = {}
    for pointer, start in values(text, wanted):
        if pointer in begins:  # its name stands there twice: what was in the first one means nothing
            begins = {one: place for one, place in begins.items() if not one.startswith(f"{pointer}/")}
        begins[pointer] = start
    return begins


def values(text: str, wanted: set[str]) -> Iterator[tuple[str, int]]:
    """Each wanted value's pointer and where it begins, in the order of the text.

    `way` has what comes next at each depth: the pointer of what it lies in, None where nobody wants that, and its name
    or number; in an object None, where a name has to come first.
    """
    way: list[tuple[str | None, str | int | None]] = [(None, "")]
    for token in TOKEN.finditer(text):
        holder, name = way[-1]
        word = token[0]
        if word in ("}", "]"):
            way.pop()
        elif word == ",":
            way[-1] = holder, name + 1 if isinstance(name, int) else None
        elif name is None:
            way[-1] = holder, json.loads(word, strict=False)
        else:
            pointer = place(holder, name, wanted) if len(way) > 1 else ""
            if pointer is not None:
                yield pointer, token.start()
            if word in ("{", "["):
                way.append((pointer, None if word == "{" else 0))


def place(holder: str | None, name: str | int, wanted: set[str]) -> str | None:
    """The pointer of the value, if somebody wants it."""
    pointer = None if holder is None else f"{holder}/{escape(str(name))}"
    return pointer if pointer in wanted else None
