"""How a JSON file is changed into another that gets further than flipped bytes would: node by node, by what stands in
other files at the same place, and by values that have broken programs before.

    bytes ──► value ──► some changes of a node each ──► bytes ──► now and then, damage to the text itself
"""

from __future__ import annotations

import copy
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from random import Random

    Place = tuple[Any, Any]  # an object or array, and the name or number of a value in it

STRINGS = (
    *("", " ", "/", "//", "/.", "..", "../../..", "/proc/self/fd/3", "-", "--", "~", "*", "$(id)", "`id`", "'", '"'),
    *("\x1b[2J", "\x1b]0;x\x07", "\x07", "\r", "\n", "a\nb", "\t", "\x7f", "\x9b", "\0", "\ud800", "\udcff"),
    *("\u202e", "\u2028", "é", "e\u0301", "\U0001f600", "\ufeff", "<b>&amp;", "]]>", "```", "|", "%s%n", "{0}", "{}"),
    *("%", "=", "A=", "=b", "\\", "0", "-1", "0x10", "1e9", "٣", "²", "max", "all", "AT_LAST", "EOF", "END"),
    *("a" * 300, "/" + "a/" * 2100),
)
POWERS = (0, 7, 8, 15, 16, 31, 32, 53, 63, 64, 100)
NUMBERS = (
    *(sign * 2**power + more for power in POWERS for sign in (1, -1) for more in (-1, 0, 1)),
    *(0.5, -0.0, 1e308, 1.0, 1e18, 10**400, 4294967295, 1000, 65535),
)
JUNK = (b"NaN", b"-Infinity", b"\xff", b"\xef\xbb\xbf", b"\0", b"1" * 5000, b"[" * 3000, b'"', b"//", b"\\u00")
SCALARS = (None, True, False, [], {}, "", 0)
DEEP = 400  # levels: more than anything of minirun's needs, less than Python's own limit for JSON
STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')


class Mutator:
    """Changes bytes, by what it has seen in some files."""

    def __init__(self, files: Iterable[bytes]) -> None:
        self.files = [value for data in files if isinstance(value := parsed(data), (dict, list))]
        self.seen: dict[str, list[tuple[Any, Any]]] = {}  # the place of an object or array -> names and values in it
        self.words: list[str] = list(STRINGS)
        for value in self.files:
            for path, holder, key in walk(value):
                self.seen.setdefault(path, []).append((key, holder[key]))
                self.words += [word for word in (key, holder[key]) if isinstance(word, str)]

    def mutate(self, data: bytes, rng: Random) -> bytes:
        value = parsed(data)
        if not isinstance(value, (dict, list)) or rng.random() < 0.01:
            value = copy.deepcopy(rng.choice(self.files))
        for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 5, 8))):
            value = self.change(value, rng)
        text = json.dumps(value, ensure_ascii=rng.random() < 0.5).encode(errors="surrogatepass")
        return rng.choice(DAMAGES)(text, rng) if rng.random() < 0.06 else text

    def change(self, value: Any, rng: Random) -> Any:
        """The value with one change in it."""
        places = list(walk(value))
        if not places:
            return copy.deepcopy(rng.choice(self.files))
        path, holder, key = rng.choice(places)
        rng.choice(self.CHANGES)(self, path, holder, key, rng)
        return value

    # ---- changes: each at one place, `holder[key]`, whose holder stands at `path`

    def delete(self, _path: str, holder: Any, key: Any, _rng: Random) -> None:
        del holder[key]

    def duplicate(self, _path: str, holder: Any, key: Any, rng: Random) -> None:
        again = copy.deepcopy(holder[key])
        if isinstance(holder, list):
            for _ in range(rng.choice((1, 1, 1, 2, 40))):
                holder.insert(rng.randint(0, len(holder)), copy.deepcopy(again))
        else:
            holder[self.word(rng)] = again

    def shuffle(self, _path: str, holder: Any, _key: Any, rng: Random) -> None:
        if isinstance(holder, list):
            rng.shuffle(holder)
        else:
            names = rng.sample(list(holder), len(holder))
            values = list(holder.values())
            holder.clear()
            holder.update(zip(names, values) if rng.random() < 0.3 else {})
            holder.update({name: one for name, one in zip(names, values) if name not in holder})

    def splice(self, path: str, holder: Any, key: Any, rng: Random) -> None:
        """What another file has in this place, as it is or beside what is here."""
        if path not in self.seen:
            return
        name, value = rng.choice(self.seen[path])
        if isinstance(holder, list):
            holder.insert(rng.randint(0, len(holder)), copy.deepcopy(value))
        elif isinstance(name, str):
            holder[name] = copy.deepcopy(value)

    def transplant(self, _path: str, holder: Any, key: Any, rng: Random) -> None:
        """What stands in another place altogether."""
        holder[key] = copy.deepcopy(rng.choice(self.seen[rng.choice(list(self.seen))])[1])

    def rename(self, _path: str, holder: Any, key: Any, rng: Random) -> None:
        if isinstance(holder, dict):
            holder[self.word(rng)] = holder.pop(key)

    def retype(self, _path: str, holder: Any, key: Any, rng: Random) -> None:
        value = holder[key]
        holder[key] = rng.choice(
            (
                lambda: [value],
                lambda: {self.word(rng): value},
                lambda: str(value),
                lambda: len(value) if isinstance(value, (str, list, dict)) else -(value or 0),
                lambda: list(value) if isinstance(value, (str, dict)) else value,
                lambda: rng.choice(SCALARS),
            )
        )()

    def deepen(self, _path: str, holder: Any, key: Any, rng: Random) -> None:
        if rng.random() < 0.1:
            for _ in range(rng.randint(2, DEEP)):
                holder[key] = [holder[key]]

    def number(self, _path: str, holder: Any, key: Any, rng: Random) -> None:
        value = holder[key]
        if isinstance(value, (int, float)) and rng.random() < 0.5 and abs(value) < 2**100:
            holder[key] = value + rng.choice((1, -1, value, -2 * value, 0.5))
        else:
            holder[key] = rng.choice(NUMBERS)

    def string(self, _path: str, holder: Any, key: Any, rng: Random) -> None:
        value = holder[key]
        if not isinstance(value, str) or rng.random() < 0.3:
            holder[key] = self.word(rng)
            return
        begin, end = sorted((rng.randint(0, len(value)), rng.randint(0, len(value))))
        middle = rng.choice(("", value[begin:end] * rng.randint(2, 9), self.word(rng), rng.choice(STRINGS)))
        holder[key] = value[:begin] + middle + value[rng.choice((begin, end)) :]

    def word(self, rng: Random) -> str:
        return rng.choice(self.words)

    CHANGES: tuple[Callable[..., None], ...] = (
        *(delete, duplicate, duplicate, shuffle, splice, splice, splice, splice, transplant, rename),
        *(retype, retype, deepen, number, number, number, string, string, string, string),
    )


def parsed(data: bytes) -> Any:
    """The JSON value; None where there is none."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def walk(value: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Each value with where its holder stands, arrays' numbers left out. Not by recursion, which has a limit."""
    rest = [(path, value)]
    while rest:
        path, holder = rest.pop()
        for key, inner in list(holder.items() if isinstance(holder, dict) else enumerate(holder)):
            yield path, holder, key
            if isinstance(inner, (dict, list)):
                rest.append((f"{path}/{key if isinstance(holder, dict) else '*'}", inner))


# ---- damage to the text


def repeat_a_name(text: bytes, rng: Random) -> bytes:
    """One string takes the place of another, so that an object may have two members of a name."""
    strings = list(STRING.finditer(text))
    if not strings:
        return text
    one, other = rng.choice(strings), rng.choice(strings)
    return text[: one.start()] + other.group() + text[one.end() :]


def overwrite(text: bytes, rng: Random) -> bytes:
    at = rng.randint(0, len(text))
    junk = rng.choice(JUNK)
    return text[:at] + junk + text[at + rng.choice((0, 1, len(junk))) :]


def cut(text: bytes, rng: Random) -> bytes:
    begin, end = sorted((rng.randint(0, len(text)), rng.randint(0, len(text))))
    return text[:begin] if rng.random() < 0.5 else text[:begin] + text[end:]


DAMAGES = (repeat_a_name, repeat_a_name, overwrite, cut)
