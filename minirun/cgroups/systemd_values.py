"""Values of D-Bus: their types, how GLib writes them as text, and how busctl(1) takes them.

A type is a signature, such as "t", "as" or "a(st)"; see
https://dbus.freedesktop.org/doc/dbus-specification.html#type-system. Arrays and structs are both tuples here.

The annotations org.systemd.property.NAME of config.json have a value as GVariant text, `uint64 100` or `['a', 'b']`
(https://docs.gtk.org/glib/gvariant-text-format.html). What properties of units have no use for, such as dictionaries,
is left out.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Value: TypeAlias = "bool | int | float | str | bytes | tuple[Value, ...]"

# GVariant's words for types that a bare literal does not have, with their D-Bus letters.
WORDS = {
    "boolean": "b",
    "byte": "y",
    "int16": "n",
    "uint16": "q",
    "int32": "i",
    "uint32": "u",
    "int64": "x",
    "uint64": "t",
    "double": "d",
    "string": "s",
    "objectpath": "o",
    "signature": "g",
}
RANGES = {"y": (0, 8), "n": (-1, 15), "q": (0, 16), "i": (-1, 31), "u": (0, 32), "x": (-1, 63), "t": (0, 64)}
TOKENS = r"""\s*('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|@[a-z()]+|[-+]?[0-9][0-9a-zA-Z.+-]*|[a-z][a-z0-9]*|[][(),])"""
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


def complete_types(signature: str) -> list[str]:
    """ "sa(st)u" -> ["s", "a(st)", "u"]."""
    types, start, depth = [], 0, 0
    for index, letter in enumerate(signature):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if depth == 0 and letter != "a":
            types.append(signature[start : index + 1])
            start = index + 1
    return types


def listed(signature: str, value: Value) -> object:
    """The value as Python programs commonly have it: an array is a list, a struct is a tuple."""
    if signature == "ay":
        return value if isinstance(value, bytes) else bytes(item for item in items(value) if isinstance(item, int))
    if signature.startswith("a"):
        return [listed(signature[1:], item) for item in items(value)]
    if signature.startswith("("):
        return tuple(listed(*pair) for pair in zip(complete_types(signature[1:-1]), items(value)))
    return value


def items(value: Value) -> tuple[Value, ...]:
    assert isinstance(value, (tuple, bytes))
    return tuple(value)


def words(signature: str, value: Value) -> list[str]:
    """The value as arguments of busctl(1), which takes the length of an array before its elements."""
    if signature.startswith("a"):
        found = items(value)
        return [str(len(found)), *(word for item in found for word in words(signature[1:], item))]
    if signature.startswith("("):
        pairs = zip(complete_types(signature[1:-1]), items(value))
        return [word for kind, item in pairs for word in words(kind, item)]
    return [str(value).lower() if isinstance(value, bool) else str(value)]


# ---- GVariant text


def parse(text: str) -> tuple[str, Value]:
    """Signature and value. Raises ValueError that says what is wrong."""
    reader = Reader(text)
    try:
        found = reader.value("")
    except RecursionError:
        raise ValueError("arrays in arrays beyond what D-Bus takes") from None
    if reader.tokens:
        raise ValueError(f"{reader.tokens[0]!r} follows the value")
    return found


class Reader:
    def __init__(self, text: str) -> None:
        import re

        self.tokens: list[str] = []
        tokens, at, text = re.compile(TOKENS), 0, text.strip()
        while at < len(text):
            match = tokens.match(text, at)
            if not match:
                raise ValueError(f"can't read {text[at:][:40]!r}")
            self.tokens.append(match[1])
            at = match.end()

    def take(self) -> str:
        if not self.tokens:
            raise ValueError("the value is not complete")
        return self.tokens.pop(0)

    def value(self, expected: str) -> tuple[str, Value]:
        """The next value; `expected` is its type, "" where it is not known yet."""
        token = self.take()
        if token[0] == "@" or token in WORDS:
            return self.value(token[1:] if token[0] == "@" else WORDS[token])
        if token == "[":
            return self.array(expected)
        if token == "(":
            return self.struct(expected)
        if token in ("true", "false"):
            return fitting("b", "b", expected), token == "true"
        if token[0] in "'\"":
            return fitting("s", "sog", expected), unquoted(token[1:-1])
        return numeric(token, expected)

    def array(self, expected: str) -> tuple[str, Value]:
        """The first element says what the others are, if nobody else does."""
        kind = fitting("a", "a", expected[:1]) and expected[1:]
        found: list[Value] = []
        while self.tokens[:1] != ["]"]:
            kind, item = self.value(kind)
            found.append(item)
            self.separator("]")
        self.take()
        if not kind:
            raise ValueError("an empty array says its type, as in @as []")
        return f"a{kind}", tuple(found)

    def struct(self, expected: str) -> tuple[str, Value]:
        fitting("(", "(", expected[:1])
        kinds = complete_types(expected[1:-1])
        found: list[Value] = []
        types = ""
        while self.tokens[:1] != [")"]:
            kind, item = self.value(kinds[len(found)] if len(found) < len(kinds) else "")
            found.append(item)
            types += kind
            self.separator(")")
        self.take()
        return fitting(f"({types})", f"({types})", expected), tuple(found)

    def separator(self, end: str) -> None:
        if self.tokens[:1] == [","]:
            self.take()
        elif self.tokens[:1] != [end]:
            raise ValueError(f"found {self.take()!r}, not a comma or {end}")


def fitting(own: str, possible: str, expected: str) -> str:
    """The type that is expected, if it is possible; the literal's own without one. `possible` are types of one letter,
    or it is one type."""
    if expected and expected not in (tuple(possible) if len(own) == 1 else (possible,)):
        raise ValueError(f"found a value of the type {own}, not {expected}")
    return expected or own


def numeric(token: str, expected: str) -> tuple[str, Value]:
    """A number that nobody says the type of is an int32, or a double with a point in it."""
    is_whole = token.lstrip("+-").isdigit() or token.lower().lstrip("+-").startswith("0x")
    kind = fitting("i" if is_whole else "d", "ynqiuxtd" if is_whole else "d", expected)
    if kind == "d":
        return kind, float(token)
    found = int(token, 0) if "x" in token.lower() else int(token)
    sign, bits = RANGES[kind]
    if not sign << bits <= found < 1 << bits:
        raise ValueError(f"{token} is out of the range of its type, {kind}")
    return kind, found


def unquoted(text: str) -> str:
    import re

    def plain(match: re.Match[str]) -> str:
        escaped = match[1]
        return chr(int(escaped[1:], 16)) if escaped[0] in "uU" and escaped[1:] else ESCAPES.get(escaped, escaped)

    return re.sub(r"\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", plain, text, flags=re.DOTALL)
