"""minirun.steps.context: each field stands with those who write it, and says who reads it."""

from __future__ import annotations

import ast
import inspect
import pkgutil
import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import minirun.steps
from minirun.steps.context import CONTAINER, RUNTIME
from minirun.steps.step import Step

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = (Path(__file__).parents[2] / "minirun/steps/context.py").read_text()
SIDES = {"by steps of the runtime's": RUNTIME, "by steps of the container's process": CONTAINER}
CHANGING = ("append", "clear", "extend", "pop", "setdefault", "update")


def groups() -> dict[str, dict[str, str]]:
    """Title -> field -> what its comment says."""
    found: dict[str, dict[str, str]] = {}
    for title, text in re.findall(r"# ---- (.+)\n((?:    .+\n)+)", SOURCE):
        found[title] = dict(re.findall(r"^    (\w+)(?::.*?)?(?: = .+?)?  # (.+)$", text, re.MULTILINE))
    return found


def side_of() -> dict[str, str]:
    """Field -> whose steps may write it, where its group says that."""
    return {
        field: side
        for title, fields in groups().items()
        for beginning, side in SIDES.items()
        if title.startswith(beginning)
        for field in fields
    }


def steps() -> set[type[Step]]:
    modules = (import_module(f"minirun.steps.{found.name}") for found in pkgutil.iter_modules(minirun.steps.__path__))
    found = {value for module in modules for value in vars(module).values() if inspect.isclass(value)}
    return {kind for kind in found if issubclass(kind, Step)}


def written(kind: type[Step]) -> Iterator[str]:
    """The fields of its context that the class's own methods assign to or change."""
    for node in ast.walk(ast.parse(inspect.getsource(kind))):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield from field_of(node)
        elif (isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store)) or (
            isinstance(node, ast.Attribute) and node.attr in CHANGING
        ):
            yield from field_of(node.value)


def field_of(node: ast.expr) -> list[str]:
    is_context = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "context"
    return [node.attr] if is_context else []


def test_the_groups_are_found() -> None:
    found = side_of()
    assert (found["cgroup"], found["pid"], found["root"]) == (RUNTIME, RUNTIME, CONTAINER)
    assert len(steps()) > 100


@pytest.mark.parametrize("kind", sorted(steps(), key=lambda kind: kind.__name__), ids=lambda kind: kind.__name__)
def test_a_field_is_written_by_the_side_that_it_stands_with(kind: type[Step]) -> None:
    sides = side_of()
    assert {field: sides[field] for field in written(kind) if sides.get(field, kind.runs_in) != kind.runs_in} == {}


def test_every_field_says_who_reads_it() -> None:
    assert [field for fields in groups().values() for field, told in fields.items() if ": " not in told] == []
