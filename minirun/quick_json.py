"""JSON by the half of Python's json that is written in C (`_json`).

The package around that half compiles regular expressions, for which it imports re, enum, functools and collections,
before each container (docs/speed.md). Here are the two functions of it that minirun uses. A text with a mistake in it
is left to the package, whose errors tell the place, and so is everything in a Python whose half in C has other names.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

try:
    from _json import encode_basestring_ascii, make_encoder, make_scanner

    HALF_IN_C = True
except ImportError:
    HALF_IN_C = False

SPACE = " \t\n\r"  # RFC 8259, section 2

# What `_json` says of a text that is wrong: StopIteration where a value should begin; else ValueError, or where the
# package with its JSONDecodeError has not been imported, as Python 3.11 puts it, "NULL without setting an exception".
WRONG = (StopIteration, ValueError, SystemError)


class Reading:
    """What `_json` asks for, with the package's own answers."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_float, parse_int = float, int

    def __init__(self, parse_constant: Callable[[str], Any]) -> None:
        self.parse_constant = parse_constant


def loads(text: str | bytes, parse_constant: Callable[[str], Any] = float) -> Any:
    """The value of a JSON text. `parse_constant` makes one of NaN, Infinity and -Infinity, which RFC 8259 has not.

    Raises ValueError: of JSONDecodeError's kind for what is no JSON, UnicodeDecodeError for what is no UTF-8.
    """
    text = text.decode() if isinstance(text, bytes) else text
    if HALF_IN_C:
        start = len(text) - len(text.lstrip(SPACE))
        try:
            value, end = make_scanner(Reading(parse_constant))(text, start)  # type: ignore[arg-type]
        except WRONG:
            end = start
        if end > start and not text[end:].strip(SPACE):
            return value
    import json

    return json.loads(text, parse_constant=parse_constant)


def dumps(value: object, indent: int | str | None = None) -> str:
    """The JSON text of a value: on one line without a blank, as others write it and people's scripts look for it; or
    with so many spaces, or this text, before each level's lines."""
    if not HALF_IN_C:
        import json

        return json.dumps(value, indent=indent, separators=(",", ":" if indent is None else ": "))
    if indent is not None:
        return "".join(pieces(value, "\n", " " * indent if isinstance(indent, int) else indent))
    encode = make_encoder({}, refused, encode_basestring_ascii, None, ":", ",", False, False, True)
    return "".join(encode(value, 0))


def refused(value: object) -> object:
    raise TypeError(f"JSON has nothing for {value!r}")


def pieces(value: object, line: str, indent: str) -> Iterator[str]:
    """What `_json` can't do: one line for each value. `line` begins one at the present depth."""
    if isinstance(value, dict) and value:
        yield from listed("{}", ((f"{dumps(str(name))}: ", each) for name, each in value.items()), line, indent)
    elif isinstance(value, list | tuple) and value:
        yield from listed("[]", (("", each) for each in value), line, indent)
    else:
        yield dumps(value)


def listed(brackets: str, members: Iterator[tuple[str, object]], line: str, indent: str) -> Iterator[str]:
    before = brackets[0]
    for name, value in members:
        yield f"{before}{line}{indent}{name}"
        yield from pieces(value, line + indent, indent)
        before = ","
    yield f"{line}{brackets[1]}"
