"""`--set POINTER=VALUE`: config.json, changed for once.

The pointer is a JSON pointer (RFC 6901), as errors have it; `-` at its end adds to an array. The value is JSON, or else
a string as it stands there. What is on the way and missing is made, and null takes away. The file is read and checked
as ever, after the changes; what is wrong and comes from one of them is told so.
"""

from __future__ import annotations

from itertools import pairwise

from .. import quick_json
from ..errors import ConfigError, MinirunError
from ..record import Record
from ..safe import safe
from .gather import gather
from .lines import located
from .load import decode
from .reader import WHOLE_NUMBER, Node, shown
from .sizes import size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn

    Json = Any

AT_END = "-"
INDEX_DIGITS = 7
BY_SET = " (by --set)"


class Changed(Record):
    """What has become of config.json, the places of the changes, what the file itself says, and the arrays in which
    elements may have other numbers there."""

    text: bytes
    places: tuple[str, ...]
    file: bytes
    moved: tuple[str, ...]

    def concerns(self, pointer: str) -> bool:
        return concerns(self.places, pointer)

    def is_where_it_was(self, pointer: str) -> bool:
        """Whether it leads to the same place of the file."""
        return not concerns((*self.places, *self.moved), pointer)

    def told(self, error: ConfigError) -> ConfigError:
        """The same error, and who has made the mistake, or in which line of the file it is."""
        if self.is_where_it_was(error.pointer):
            return located(error, self.file)
        if not self.concerns(error.pointer):
            return error
        return ConfigError(error.pointer, error.found + BY_SET, error.allowed)


def changed(data: bytes, lines: Sequence[str]) -> Changed:
    """The config.json in the bytes with the changes in their order. Raises MinirunError."""
    value = decode(data)
    asked = [read(line) for line in lines]
    places = tuple(change(value, pointer, wanted) for pointer, wanted in asked)
    taken = [place.rpartition("/") for place, (_pointer, wanted) in zip(places, asked) if wanted is None]
    moved = tuple(array for array, _slash, name in taken if name.isdigit())
    write_sizes_as_numbers(value, places)
    try:
        return Changed((quick_json.dumps(value, indent="\t") + "\n").encode(), places, data, moved)
    except RecursionError:
        raise MinirunError("--set: found arrays or objects nested too deeply\n  allowed: some hundred levels") from None


def concerns(places: tuple[str, ...], pointer: str) -> bool:
    """Whether what stands there is there by --set."""
    return any(f"{pointer}/".startswith(f"{place}/") for place in places)


# ---- a line


def read(line: str) -> tuple[str, Json]:
    """Pointer and value."""
    pointer, equals, word = line.partition("=")
    if not equals or not pointer.startswith("/"):
        raise MinirunError(
            f"--set: found {shown(line)}\n"
            "  allowed: a place in config.json and what is to stand there, as /linux/resources/memory/limit=64M"
        )
    if "~" in pointer.replace("~0", "").replace("~1", ""):
        raise MinirunError(
            f"--set: found {shown(pointer)}\n  allowed: behind a ~, 0 for ~ itself or 1 for / (RFC 6901)"
        )
    return pointer, json_or_text(word)


def json_or_text(word: str) -> Json:
    try:
        return quick_json.loads(word, parse_constant=refuse)
    except (ValueError, RecursionError):
        return word


def refuse(name: str) -> NoReturn:
    """NaN and Infinity are no JSON (RFC 8259, section 6), but may be somebody's host name."""
    raise ValueError(name)


# ---- a change


def change(value: Json, pointer: str, wanted: Json) -> str:
    """Put it there, or take away what is there; the place, with a number for `-`."""
    node, names = Node(value, ""), names_of(pointer)
    for name, below in pairwise(names):
        key = key_in(node, name)
        if is_absent(node.value, key):
            if wanted is None:
                return pointer
            put(node.value, key, [] if below == AT_END else {})
        node = node.below(str(key), node.value[key])
    key = key_in(node, names[-1])
    put(node.value, key, wanted)
    return node.below(str(key), None).pointer


def names_of(pointer: str) -> list[str]:
    return [name.replace("~1", "/").replace("~0", "~") for name in pointer.split("/")[1:]]


def key_in(node: Node, name: str) -> Json:
    """What Python takes for this name in the object or array; in the array, its length for `-`."""
    if isinstance(node.value, dict):
        return name
    if not isinstance(node.value, list):
        raise impossible(node, name, f"is {shown(node.value)}", "a place in an object or an array")
    length = len(node.value)
    if name == AT_END:
        return length
    if name.isascii() and name.isdigit() and len(name) <= INDEX_DIGITS and int(name) < length:
        return int(name)
    numbers = f"0 to {length - 1}, or " if length else ""
    raise impossible(node, name, f"is an array of {length}", f"{numbers}- to add to it")


def impossible(node: Node, name: str, what: str, allowed: str) -> MinirunError:
    place = node.pointer or "the top level"
    return MinirunError(f"--set {safe(node.below(name, None).pointer)}: {safe(place)} {what}\n  allowed: {allowed}")


def is_absent(holder: Json, key: Json) -> bool:
    """Not there, or null, which is the same here."""
    return (holder.get(key) is None) if isinstance(holder, dict) else key == len(holder) or holder[key] is None


def put(holder: Json, key: Json, wanted: Json) -> None:
    if wanted is None:
        if not is_absent(holder, key):
            del holder[key]
    elif isinstance(holder, list) and key == len(holder):
        holder.append(wanted)
    else:
        holder[key] = wanted


# ---- sizes


def write_sizes_as_numbers(value: Json, places: tuple[str, ...]) -> None:
    """67108864 for "64M", where the readers of config.json want a whole number."""
    _config, notes = gather(value)
    for error in notes.errors:
        if error.allowed.startswith(WHOLE_NUMBER) and concerns(places, error.pointer):
            found = at(value, names_of(error.pointer))
            number = size(found) if isinstance(found, str) else None
            if number is not None:
                change(value, error.pointer, number)


def at(value: Json, names: list[str]) -> Json:
    for name in names:
        value = value[int(name)] if isinstance(value, list) else value.get(name)
    return value
