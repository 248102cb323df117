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
    repeats: dict[int, list[str]] = {}  # the objects that have some, by their identity

    def make(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        names = [name for name, _value in pairs]
        if len(names) > len(made):
            repeats[id(made)] = [name for name in made if names.count(name) > 1]
        return made

    value = json.loads(data, object_pairs_hook=make)
    for pointer, part in parts(value) if repeats else ():
        yield from (f"{pointer}/{escape(name)}" for name in repeats.get(id(part), ()))


def parts(value: object) -> Iterator[tuple[str, object]]:
    """Everything in a JSON value with its pointer. The list instead of recursion is for deep nesting."""
    waiting = [("", value)]
    while waiting:
        pointer, part = waiting.pop()
        yield pointer, part
        inner = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
        waiting.extend((f"{pointer}/{escape(str(key))}", one) for key, one in inner)
