"""docs/reading-order.md and docs/escapes.md: every file and every name that they send their readers to is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PAGES = {name: (REPOSITORY / "docs" / name).read_text() for name in ("reading-order.md", "escapes.md")}
NAME = re.compile(r"`([\w/]+\.py):\s+([\w.]+)`")


@pytest.mark.parametrize(("file", "name"), sorted({name for page in PAGES.values() for name in NAME.findall(page)}))
def test_a_name_is_where_the_page_says(file: str, name: str) -> None:
    module: ast.AST = ast.parse((REPOSITORY / "minirun" / file).read_text())
    for part in name.split("."):
        module = definitions(module)[part]


def definitions(node: ast.AST) -> dict[str, ast.AST]:
    """What a module or a class defines."""
    found: dict[str, ast.AST] = {}
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef):
            found[child.name] = child
        elif isinstance(child, ast.Assign):
            found |= {target.id: child for target in child.targets if isinstance(target, ast.Name)}
    return found


@pytest.mark.parametrize(("page", "stops"), [("reading-order.md", 13), ("escapes.md", 7)])
def test_the_page_leads_somewhere(page: str, stops: int) -> None:
    assert len(NAME.findall(PAGES[page])) > 40
    assert len(re.findall(r"^## \d+\. ", PAGES[page], re.MULTILINE)) == stops


FILE = re.compile(r"`((?:tests|docs)/[\w/.]+)`|\]\(([\w./-]+)\)")


@pytest.mark.parametrize("file", sorted({file for page in PAGES.values() for file in FILE.findall(page)}))
def test_other_files_are_there(file: tuple[str, str]) -> None:
    assert (REPOSITORY / file[0] if file[0] else REPOSITORY / "docs" / file[1]).exists()
