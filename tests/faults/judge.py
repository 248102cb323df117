"""What has to be so after each fault."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from . import bundle
from .bundle import END
from .commands import ID, status
from .process import eventually, minirun
from .world import ROOT, traces

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .commands import Command
    from .fault import Outcome
    from .process import Result
    from .world import Traces

PYTHON = re.compile(r"Traceback|unexpected|Fatal Python|Exception ignored|Error\(\d")  # what no user should see
NOT_UNDONE = "could not undo"
# Whose words they are: minirun's, or of those who were to load its Python.
SPEAKERS = ("minirun: ", "error while loading shared libraries: ")


def judge(command: Command, outcome: Outcome, before: Traces) -> list[str]:
    """What is wrong; nothing of the container is left in any case."""
    return [*of_the_command(command, outcome, before), *of_what_is_there(), *of_the_end(before)]


def of_the_command(command: Command, outcome: Outcome, before: Traces) -> Iterator[str]:
    result = outcome.result
    if result.hung or not outcome.by_python:
        yield from looks("the command", result)
    if outcome.is_mute or result.hung:
        return
    if result.status == 0:
        if not outcome.victims and not command.done(result):
            yield f"it says that all is well, and has not done it: {result}"
        return
    if outcome.harmless:
        yield f"it does not get over it: {result}"
    if not (speaks(result) or outcome.by_python):
        yield f"it fails without a word: {result}"
    elif not (tells(result, outcome.clues) or outcome.by_python):
        yield f"it does not say what has failed: {result.errors}"
    if command.makes and NOT_UNDONE not in result.errors and not is_as_before(command, outcome):
        yield from (f"the failed command has left {entry}" for entry in left(before))
    if command.leaves_alone and not outcome.victims and status() not in ("running", "paused"):
        yield "the container that was there is gone"


def is_as_before(command: Command, outcome: Outcome) -> bool:
    """A `start` that could not begin leaves the container as it was; where that was killed before, it is stopped."""
    return status() in (("created", "stopped") if command.observed and outcome.victims else ("created",))


def tells(result: Result, clues: tuple[str, ...]) -> bool:
    return not clues or any(clue.lower() in result.errors.lower() for clue in clues)


def looks(who: str, result: Result) -> Iterator[str]:
    if result.hung:
        yield f"{who} hangs"
    if PYTHON.search(result.errors + result.output):
        yield f"{who} shows Python: {result.errors or result.output}"


def speaks(result: Result) -> bool:
    return any(speaker in result.errors for speaker in SPEAKERS)


def of_what_is_there() -> Iterator[str]:
    """`list`, `state` and `delete` say so."""
    is_noted = (ROOT / ID / "state.json").exists()
    for words in (("list",), ("state", ID), ("delete", ID)):
        result = minirun(*words)
        yield from looks(f"{words[0]} after it", result)
        if result.status != 0 and not speaks(result):
            yield f"{words[0]} fails without a word: {result}"
        if words == ("list",) and is_noted and ID not in result.output:
            yield f"list does not know it: {result}"


def of_the_end(before: Traces) -> Iterator[str]:
    result = minirun("delete", "--force", ID)
    yield from looks("delete --force", result)
    if result.status != 0:
        yield f"delete --force fails: {result}"
    yield from (f"delete --force leaves {entry}" for entry in left(before))
    again = minirun("run", "--bundle", bundle.write("plain", END), ID)
    if (again.status, again.output) != (0, "ran\n"):
        yield f"the id can't be used again: {again}"


def left(before: Traces) -> list[str]:
    """What is there that was not before, and stays."""
    eventually(lambda: not new(before))
    return new(before)


def new(before: Traces) -> list[str]:
    return [f"a {kind}: {entry}" for kind, found in traces().items() for entry in sorted(found - before[kind])]
