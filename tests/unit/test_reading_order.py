"""docs/reading-order.md: every file and every name that it sends its readers to is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "reading-order.md").read_text()
NAMES = re.findall(r"`([\w/]+\.py): ([\w.]+)`", PAGE)


@pytest.mark.parametrize(("file", "name"), NAMES)
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


def test_the_page_leads_somewhere() -> None:
    assert len(NAMES) > 40
    assert len(re.findall(r"^## \d+\. ", PAGE, re.MULTILINE)) == 13


@pytest.mark.parametrize("file", sorted(set(re.findall(r"`((?:tests|docs)/[\w/.]+)`|\]\(([\w.-]+)\)", PAGE))))
def test_other_files_are_there(file: tuple[str, str]) -> None:
    assert (REPOSITORY / file[0] if file[0] else REPOSITORY / "docs" / file[1]).exists()
