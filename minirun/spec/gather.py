"""Every problem of config.json at once, for `validate`. A run stops at the first one.

The rules are written down once, in the readers (load.py). What differs is the cursor that they are given:

    Node         raises what is wrong
    Gatherer     notes what is wrong and goes on: with a harmless value in its place where one value is wrong by itself,
                 and without the object where its values don't go together

What is noted has to be true of the file, not only of what an earlier mistake has left of it. So nothing is said about
what lies in a value that is wrong, nor about values that don't go together where one of them is wrong by itself.
"""

from __future__ import annotations

from ..errors import ConfigError
from .load import read_config
from .reader import Node, escape
from .rules import broken_rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from typing import Any, TypeVar

    from .config import Config

    T = TypeVar("T")


MOST_ERRORS = 1000


class Notes:
    """What a Gatherer and those below it have found."""

    def __init__(self) -> None:
        self.errors: list[ConfigError] = []
        self.wrong: set[str] = set()  # the pointers of the errors
        self.holders: set[str] = set()  # the pointers of everything around them
        self.asked: dict[str, tuple[dict[str, Any], frozenset[str]]] = {}  # pointer -> the object, what was read of it
        self.sets: dict[frozenset[str], frozenset[str]] = {}  # those of `asked`: most objects are read in the same way
        self.unfinished: set[str] = set()  # the objects that were not read to their end
        self.is_full = False  # there are more errors than anybody will read

    def add(self, error: ConfigError) -> None:
        """One error for each place, and none for what lies in it."""
        self.is_full = len(self.errors) == MOST_ERRORS
        if self.is_full:
            return
        around = list(parents(error.pointer))
        if self.wrong.isdisjoint((error.pointer, *around)):
            self.errors.append(error)
            self.wrong.add(error.pointer)
            self.holders.update(around)

    def add_of_several(self, error: ConfigError) -> None:
        """An error about values that don't go together: these are not about to be right by themselves."""
        if error.pointer not in self.holders:
            self.add(error)

    def is_good(self, pointer: str) -> bool:
        """Whether nothing at the pointer, around it or below it is wrong."""
        return pointer not in self.holders and self.wrong.isdisjoint((pointer, *parents(pointer)))

    def ask(self, pointer: str, holder: dict[str, Any], names: Iterable[str]) -> None:
        """These members of the object at the pointer are read."""
        _holder, before = self.asked.get(pointer, (holder, frozenset()))
        asked = before.union(names)
        self.asked[pointer] = holder, self.sets.setdefault(asked, asked)

    def unread(self) -> Iterator[tuple[str, str, frozenset[str]]]:
        """What no reader has asked for: its pointer, its name, and the names that were asked for in the same object."""
        for pointer, (holder, asked) in self.asked.items():
            if self.unfinished.isdisjoint((pointer, *parents(pointer))):
                unread = (name for name, value in holder.items() if value is not None and name not in asked)
                yield from ((f"{pointer}/{escape(name)}", name, asked) for name in unread)


def parents(pointer: str) -> Iterator[str]:
    """ "/mounts/3/type" -> "/mounts/3", "/mounts", "" """
    while pointer:
        pointer = pointer[: pointer.rindex("/")]
        yield pointer


class Gatherer(Node):
    """A cursor that raises nothing: what its own methods find wrong is noted, and what the readers raise as well."""

    __slots__ = ("notes",)

    def __init__(self, value: Any, pointer: str, notes: Notes) -> None:
        super().__init__(value, pointer)
        self.notes = notes

    def attempt(self, read: Callable[[Gatherer], T], instead: T) -> T:
        """What `read` makes of this node; `instead`, where it raises."""
        before = len(self.notes.errors)
        try:
            return read(self)
        except ConfigError as error:
            if len(self.notes.errors) == before:
                self.notes.add(error)
            self.notes.unfinished.add(self.pointer)
            return instead

    # ---- walking

    def below(self, key: str, value: Any) -> Gatherer:
        return Gatherer(value, f"{self.pointer}/{escape(key)}", self.notes)

    def get(self, key: str) -> Gatherer | None:
        value = self.asked_for(key).get(key)
        return None if value is None else self.below(key, value)

    def asked_for(self, *keys: str) -> dict[str, Any]:
        """This object, with a note of what is read of it."""
        holder = self.object()
        self.notes.ask(self.pointer, holder, keys)
        return holder

    def need(self, key: str) -> Gatherer:
        """Where it is missing, a node that is wrong whatever is asked of it, at a place that is noted already."""
        member = self.get(key)
        if member is None:
            self.notes.add(self.missing(key))
            return self.below(key, None)
        return member

    def maybe(self, key: str, read: Callable[[Node], T]) -> T | None:
        member = self.get(key)
        return None if member is None else member.attempt(read, None)

    def elements(self) -> Iterator[Gatherer]:
        return (self.below(str(index), element) for index, element in enumerate(self.array()))

    def every(self, read: Callable[[Node], T]) -> tuple[T, ...]:
        made = (element.attempt(read, None) for element in self.elements())
        return tuple(one for one in made if one is not None)

    def some(self, read: Callable[[Node], T], allowed: str) -> tuple[T, ...]:
        return self.attempt(lambda node: Node.some(node, read, allowed), ())

    def members(self) -> Iterator[tuple[str, Gatherer]]:
        for key, value in self.asked_for(*self.object()).items():
            if value is not None and Gatherer(key, self.pointer, self.notes).string() == key:
                yield key, self.below(key, value)

    def entries(self, read: Callable[[str, Node], T]) -> dict[str, T]:
        made = ((name, self.entry(name, member, read)) for name, member in self.members())
        return {name: one for name, one in made if one is not None}

    def entry(self, name: str, member: Gatherer, read: Callable[[str, Node], T]) -> T | None:
        return member.attempt(lambda node: read(name, node), None)

    # ---- reading

    def object(self) -> dict[str, Any]:
        return self.attempt(Node.object, {})

    def array(self) -> list[Any]:
        return self.attempt(Node.array, [])

    def boolean(self) -> bool:
        return self.attempt(Node.boolean, False)

    def integer(self, low: int | None = None, high: int | None = None) -> int:
        """The largest that is allowed, so that what it is the limit of is not wrong for its sake."""
        harmless = low or 0 if high is None else high
        return self.attempt(lambda node: Node.integer(node, low, high), harmless)

    def string(self) -> str:
        return self.attempt(Node.string, "")

    def filled(self) -> str:
        return self.attempt(Node.filled, "-")

    def matching(self, fits: Callable[[str], bool], allowed: str) -> str:
        """Nobody knows what would fit: "" is harmless to what only passes it on."""
        return self.attempt(lambda node: Node.matching(node, fits, allowed), "")

    def one_of(self, names: Collection[str]) -> str:
        return self.attempt(lambda node: Node.one_of(node, names), next(iter(names)))

    def absolute_path(self) -> str:
        return self.attempt(Node.absolute_path, "/")


def gather(value: object) -> tuple[Config, Notes]:
    """The records for the parsed JSON of a config.json, and what is wrong with it.

    Where something is, the records hold harmless values or lack what was wrong.
    """
    notes = Notes()
    config = read_config(Gatherer(value, "", notes))
    if notes.is_good("/linux/namespaces"):
        for broken in broken_rules(config):
            notes.add_of_several(broken)
    return config, notes
