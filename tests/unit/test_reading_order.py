"""docs/reading-order.md and docs/escapes.md: every file and every name that they send their readers to is there; and
the path of a run is short enough to be read in an afternoon."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PAGES = {name: (REPOSITORY / "docs" / name).read_text() for name in ("reading-order.md", "escapes.md")}
NAME = re.compile(r"`([\w/]+\.py):\s+([\w.]+)`")

MOST_LINES = 1600  # of the path, as the page has them counted
LONGEST_FILE = 300


@pytest.mark.parametrize(("file", "name"), sorted({name for page in PAGES.values() for name in NAME.findall(page)}))
def test_a_name_is_where_the_page_says(file: str, name: str) -> None:
    assert found(file, name)


@cache
def parsed(file: str) -> ast.Module:
    return ast.parse((REPOSITORY / "minirun" / file).read_text())


def found(file: str, name: str) -> ast.AST:
    place: ast.AST = parsed(file)
    for part in name.split("."):
        place = definitions(place)[part]
    return place


def definitions(node: ast.AST) -> dict[str, ast.AST]:
    """What a module or a class defines."""
    found: dict[str, ast.AST] = {}
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef):
            found[child.name] = child
        elif isinstance(child, ast.Assign):
            found |= {target.id: child for target in child.targets if isinstance(target, ast.Name)}
    return found


@pytest.mark.parametrize(("page", "stops"), [("reading-order.md", 15), ("escapes.md", 7)])
def test_the_page_leads_somewhere(page: str, stops: int) -> None:
    assert len(NAME.findall(PAGES[page])) > 40
    assert len(re.findall(r"^## \d+\. ", PAGES[page], re.MULTILINE)) == stops


FILE = re.compile(r"`((?:tests|docs)/[\w/.]+)`|\]\(([\w./-]+)\)")


@pytest.mark.parametrize("file", sorted({file for page in PAGES.values() for file in FILE.findall(page)}))
def test_other_files_are_there(file: tuple[str, str]) -> None:
    assert (REPOSITORY / file[0] if file[0] else REPOSITORY / "docs" / file[1]).exists()


# ---- the path of a run: what stands behind **Read:**


def path() -> list[tuple[str, str]]:
    """File and name, each once, in the page's order."""
    read = re.findall(r"^\*\*Read:\*\* (.+?)\n\n", PAGES["reading-order.md"], re.MULTILINE | re.DOTALL)
    return list(dict.fromkeys(name for paragraph in read for name in NAME.findall(paragraph)))


def lines(node: ast.AST) -> int:
    """Of a definition, with its docstring and decorators."""
    assert isinstance(node, ast.ClassDef | ast.FunctionDef)
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    assert node.end_lineno
    return node.end_lineno - first + 1


def introduction(file: str) -> int:
    """The lines of a file's docstring."""
    first = parsed(file).body[0]
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return (first.end_lineno or 0) - first.lineno + 1 if is_docstring else 0


def test_the_path_of_a_run_is_short() -> None:
    definitions = sum(lines(found(file, name)) for file, name in path())
    introductions = sum(introduction(file) for file in {file for file, _name in path()})
    assert 1000 < definitions + introductions <= MOST_LINES


def test_every_stop_has_something_to_read() -> None:
    stops = re.split(r"^## \d+\. .*$", PAGES["reading-order.md"], flags=re.MULTILINE)[2:]
    assert all(stop.startswith("\n\n**Read:** ") for stop in stops)


@pytest.mark.parametrize("file", sorted({file for file, _name in path()}))
def test_a_file_of_the_path_is_short(file: str) -> None:
    assert len((REPOSITORY / "minirun" / file).read_text().splitlines()) <= LONGEST_FILE
