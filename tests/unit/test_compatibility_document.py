"""docs/compatibility.md: each row has its test, and the test is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (REPOSITORY / "docs" / "compatibility.md").read_text().splitlines()
    if line.startswith("| ") and not line.startswith("| what callers rely on")
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:40])
def test_a_row_names_tests_that_are_there(row: list[str]) -> None:
    assert len(row) == 3
    named = re.findall(r"`(test_\w+\.py): (test_\w+)`", row[2])
    assert named
    for file, name in named:
        texts = [path.read_text() for path in (REPOSITORY / "tests").rglob(file)]
        assert any(f"\ndef {name}(" in text for text in texts), f"{file}: {name}"
