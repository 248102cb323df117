"""A cursor over parsed JSON that knows where it stands, so that every error can say so.

    Node(value, "/mounts/3") --need("destination")--> Node("/proc", "/mounts/3/destination") --string()--> "/proc"

Unknown members are ignored and null counts as absent, as the OCI runtime spec (config.md#extensibility) and every
other runtime have it.

A run stops at the first error. `validate` wants them all, from the same readers with another cursor (gather.py). So a
reader asks the value's own node about one value alone; what it raises itself is about several that don't go together.
"""

from __future__ import annotations

from ..errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from typing import Any, TypeVar

    T = TypeVar("T")

JSON_TYPES = {
    dict: "an object",
    list: "an array",
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "a boolean",
}

WHOLE_NUMBER = "a whole number"


class Node:
    """One JSON value and its place (`pointer`, RFC 6901) in config.json. Every method raises ConfigError."""

    __slots__ = ("value", "pointer")

    def __init__(self, value: Any, pointer: str) -> None:
        self.value, self.pointer = value, pointer

    # ---- walking

    def below(self, key: str, value: Any) -> Node:
        """The node of a value in this object."""
        return Node(value, f"{self.pointer}/{escape(key)}")

    def get(self, key: str) -> Node | None:
        """The member `key` of an object; None where it is absent or null."""
        value = self.object().get(key)
        return None if value is None else self.below(key, value)

    def need(self, key: str) -> Node:
        """The member `key` of an object, which the spec says is REQUIRED."""
        member = self.get(key)
        if member is None:
            raise self.missing(key)
        return member

    def maybe(self, key: str, read: Callable[[Node], T]) -> T | None:
        """What `read` makes of the member `key`; None where it is absent."""
        member = self.get(key)
        return None if member is None else read(member)

    def each(self, key: str, read: Callable[[Node], T]) -> tuple[T, ...]:
        """What `read` makes of every element of the array `key`; empty where it is absent."""
        member = self.get(key)
        return () if member is None else member.every(read)

    def table(self, key: str, read: Callable[[str, Node], T]) -> dict[str, T]:
        """What `read` makes of every member of the object `key`, whose names are free; empty where it is absent."""
        member = self.get(key)
        return {} if member is None else member.entries(read)

    def flag(self, key: str) -> bool:
        """The boolean member `key`; false where it is absent."""
        return self.maybe(key, Node.boolean) or False

    def number(self, key: str, low: int, high: int) -> int | None:
        """The whole number `key`, within both limits; None where it is absent."""
        return self.maybe(key, lambda member: member.integer(low, high))

    def text(self, key: str) -> str | None:
        """The string member `key`; None where it is absent or empty: programs written in Go don't tell these apart."""
        return self.maybe(key, Node.string) or None

    def elements(self) -> Iterator[Node]:
        """The elements of an array."""
        return (self.below(str(index), element) for index, element in enumerate(self.array()))

    def every(self, read: Callable[[Node], T]) -> tuple[T, ...]:
        """What `read` makes of every element of an array."""
        return tuple(read(element) for element in self.elements())

    def some(self, read: Callable[[Node], T], allowed: str) -> tuple[T, ...]:
        """The same of an array that must not be empty."""
        elements = self.every(read)
        if not elements:
            raise self.wrong(allowed)
        return elements

    def members(self) -> Iterator[tuple[str, Node]]:
        """The members of an object, nulls left out."""
        for key, value in self.object().items():
            if value is not None:
                checked = Node(key, self.pointer).string()
                yield checked, self.below(key, value)

    def entries(self, read: Callable[[str, Node], T]) -> dict[str, T]:
        """What `read` makes of every member of an object whose names are free."""
        return {name: read(name, member) for name, member in self.members()}

    # ---- reading

    def object(self) -> dict[str, Any]:
        if not isinstance(self.value, dict):
            raise self.wrong("an object")
        return self.value

    def array(self) -> list[Any]:
        if not isinstance(self.value, list):
            raise self.wrong("an array")
        return self.value

    def boolean(self) -> bool:
        if not isinstance(self.value, bool):
            raise self.wrong("true or false")
        return self.value

    def integer(self, low: int | None = None, high: int | None = None) -> int:
        """A whole number within the two limits, both of which are allowed."""
        allowed = (
            WHOLE_NUMBER
            + (f", at least {low}" if low is not None else "")
            + (f", at most {high}" if high is not None else "")
        )
        value = self.value
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.wrong(allowed + in_digits(value))
        if (low is not None and value < low) or (high is not None and value > high):
            raise self.wrong(allowed)
        return value

    def string(self) -> str:
        """A string that the kernel can take: no NUL byte, no half of a surrogate pair."""
        if not isinstance(self.value, str):
            raise self.wrong("a string")
        if "\0" in self.value:
            raise self.wrong("a string without NUL bytes")
        try:
            self.value.encode()
        except UnicodeEncodeError:
            raise self.wrong("a string of valid Unicode") from None
        return self.value

    def filled(self) -> str:
        """A string that is not empty."""
        if not self.string():
            raise self.wrong("a string that is not empty")
        return self.string()

    def matching(self, fits: Callable[[str], bool], allowed: str) -> str:
        """A string that `fits`."""
        if not fits(self.string()):
            raise self.wrong(allowed)
        return self.string()

    def one_of(self, names: Collection[str]) -> str:
        """One of the given strings."""
        if self.string() not in names:
            raise self.wrong("one of " + ", ".join(names))
        return self.string()

    def absolute_path(self) -> str:
        if not self.string().startswith("/"):
            raise self.wrong("an absolute path, one that begins with /")
        return self.string()

    def missing(self, key: str) -> ConfigError:
        """The error that says that this object lacks the member `key`."""
        return ConfigError(f"{self.pointer}/{escape(key)}", "missing", "this property is required")

    def wrong(self, allowed: str) -> ConfigError:
        """The error that says that this value is not what is `allowed` here."""
        return ConfigError(self.pointer, f"found {shown(self.value)}", allowed)


def refuse_more_than(limit: int, node: Node) -> None:
    """The error for an array of more elements than the kernel takes, before any of them is read."""
    length = len(node.array())
    if length > limit:
        raise ConfigError(node.pointer, f"found {length} elements", f"at most {limit}")


def refuse_twice(array: str, types: Iterable[str]) -> None:
    """The error for a `type` that the array at the pointer `array` lists twice, which leaves open which one holds."""
    seen: set[str] = set()
    for index, name in enumerate(types):
        if name in seen:
            raise ConfigError(f"{array}/{index}/type", f"found {shown(name)} a second time", "each type once")
        seen.add(name)


def escape(key: str) -> str:
    """A key as a part of a JSON pointer (RFC 6901, section 3), control characters as in section 5."""
    printable = key if key.isprintable() else ascii(key)[1:-1]  # a pointer ends up on the user's terminal
    return printable.replace("~", "~0").replace("/", "~1")


def in_digits(value: object) -> str:
    """What to write for "64M"; "" where nobody knows."""
    from .sizes import size  # after a mistake there is time

    number = size(value) if isinstance(value, str) else None
    return "" if number is None else f"; {shown(value)} is {number}"


def shown(value: object) -> str:
    """A value as an error message shows it: scalars as JSON, the rest by their type."""
    if value in ([], {}):
        return f"an empty {'array' if isinstance(value, list) else 'object'}"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float, str)):
        text = ascii(value) if isinstance(value, str) else f"{value}"[:80]
        return text if len(text) <= 80 else text[:77] + "..."
    return JSON_TYPES.get(type(value), "null")
