"""Names that stand twice in one object of a JSON text.

RFC 8259, section 4: the names SHOULD be unique, and what a program makes of others is its own affair. minirun takes the
last one, as other runtimes do; whoever wrote the first one will wonder.
"""

from __future__ import annotations

import json

from .reader import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


def repeated_names(data: bytes) -> Iterator[str]:
    """The pointers of the names, in a text that can be decoded."""
    repeats: dict[int, tuple[object, list[str]]] = {}  # the objects that have some, by identity, which each keeps

    def make(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(pairs) > len(made):
            repeats[id(made)] = made, several(pairs)
        return made

    value = json.loads(data, object_pairs_hook=make)
    for pointer, part in parts(value) if repeats else ():
        _object, names = repeats.get(id(part), (None, []))
        yield from (f"{pointer}/{escape(name)}" for name in names)


def several(pairs: list[tuple[str, Any]]) -> list[str]:
    """The names that stand there more than once."""
    counts: dict[str, int] = {}
    for name, _value in pairs:
        counts[name] = counts.get(name, 0) + 1
    return [name for name, count in counts.items() if count > 1]


def parts(value: object) -> Iterator[tuple[str, object]]:
    """Everything in a JSON value with its pointer. The list instead of recursion is for deep nesting."""
    waiting = [("", value)]
    while waiting:
        pointer, part = waiting.pop()
        yield pointer, part
        inner = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
        waiting.extend((f"{pointer}/{escape(str(key))}", one) for key, one in inner)
