"""What a case is, and what can come of one.

A case is a function that is given a fresh Container, changes its config.json, runs it and says what it expected. It
returns if the runtime keeps the clause, and raises Broken if it does not. The decorator holds the sentence of the spec
beside the function, so that a failure can be read as "this sentence is broken".
"""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .container import Container

MUST, SHOULD, MAY = "MUST", "SHOULD", "MAY"

PASS, FAIL, KNOWN, SURPRISE, NOT_TESTABLE = "pass", "FAIL", "known", "pass!", "n/t"
MEANINGS = {
    PASS: "the runtime keeps the clause",
    FAIL: "the runtime breaks it, or ran into the time limit",
    KNOWN: "breaks it, and known.py says why",
    SURPRISE: "keeps it, though known.py says otherwise",
    NOT_TESTABLE: "can't be tested on this machine, or with the runtime started like this",
}


class Broken(Exception):
    """The runtime does not do what the clause says."""


class NotTestable(Exception):
    """This machine lacks what the case needs. A case never passes for the want of something."""


class Case(NamedTuple):
    name: str
    anchor: str  # file and heading of the spec
    sentence: str
    level: str
    try_it: Callable[[Container], None]


class Outcome(NamedTuple):
    case: Case
    runtime: str
    kind: str
    found: str = ""  # what the runtime did instead
    why: str = ""  # the explanation of known.py
    seconds: float = 0.0


CASES: dict[str, Case] = {}


def clause(anchor: str, sentence: str, *, level: str = MUST, each: Iterable[Any] = ()) -> Callable[..., Any]:
    """Makes a case of a function, or one for each of the values that it is to be given.

    A sentence that defines a property without a key word of RFC 2119 is a MUST: "All of the properties configured in
    config.json except for process MUST be applied" (runtime.md#create), and start does the same for `process`.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        for value in each:
            name = f"{function.__name__}[{label(value)}]"
            add(Case(name, anchor, sentence, level, lambda container, value=value: function(container, value)))
        if not each:
            add(Case(function.__name__, anchor, sentence, level, function))
        return function

    return register


def add(case: Case) -> None:
    if case.name in CASES:
        raise ValueError(f"two cases are called {case.name}")
    CASES[case.name] = case


def label(value: Any) -> str:
    return str(value[0] if isinstance(value, tuple) else value).replace("\n", "\\n")


def chosen(patterns: Iterable[str] = ()) -> list[Case]:
    """The cases whose name or anchor has one of the patterns in it; all, if there are none."""
    wanted = [f"*{pattern}*" for pattern in patterns] or ["*"]
    return [
        case
        for case in CASES.values()
        if any(fnmatch.fnmatchcase(text, pattern) for pattern in wanted for text in (case.name, case.anchor))
    ]


def part_of(cases: list[Case], part: str) -> list[Case]:
    """For "K/N", every Nth case from the Kth on: cases that take long are often neighbours."""
    number, parts = map(int, part.split("/"))
    return cases[number - 1 :: parts]


def expect(what: str, found: Any, wanted: Any) -> None:
    if found != wanted:
        raise Broken(f"{what}: expected {wanted!r}, found {found!r}")


def expect_true(what: str, holds: Any) -> None:
    """`what` says what should have been."""
    if not holds:
        raise Broken(f"not so: {what}")
