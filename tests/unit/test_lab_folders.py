"""Each lab's folder is whole: a page with all its sections, hints and wrong states that belong together, questions that
the page asks. What happens when it is done, tests/labs shows."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest

from minirun.labs.catalogue import Folder, folders
from minirun.labs.document import with_table

REPOSITORY = Path(__file__).parents[2]
SECTIONS = ["Predict", "Do", "Look", "Break it", "The real world", "Questions"]
WIDEST = 76  # characters of a line in a block: pages are shown in 80 columns

every_lab = pytest.mark.parametrize("folder", folders(), ids=lambda folder: folder.number)


@every_lab
def test_the_page_has_its_sections(folder: Folder) -> None:
    assert folder.page.startswith(f"# {folder.number}. {folder.lab.title}\n")
    assert re.findall(r"^## (.*)$", folder.page, re.MULTILINE) == SECTIONS


@every_lab
def test_blocks_fit_a_terminal(folder: Folder) -> None:
    for block in re.findall(r"^```\w*\n(.*?)^```", folder.page, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            assert len(line) <= WIDEST, line


@every_lab
def test_each_hint_has_a_wrong_state(folder: Folder) -> None:
    assert set(folder.wrong_states()) == set(folder.lab.hints)


@every_lab
def test_goals_come_after_those_that_they_need(folder: Folder) -> None:
    names = [goal.name for goal in folder.lab.goals]
    assert len(set(names)) == len(names)
    for before, goal in zip(itertools.accumulate([[], *([name] for name in names)]), folder.lab.goals):
        assert set(goal.after) <= set(before)


@every_lab
def test_the_page_asks_each_question(folder: Folder) -> None:
    for goal in folder.lab.goals:
        if goal.question:
            assert f"minirun lab answer {folder.number} {goal.name} " in folder.page


@every_lab
def test_a_score_is_worth_something(folder: Folder) -> None:
    assert 5 <= folder.lab.points <= 20
    assert 15 <= folder.lab.minutes <= 60


def test_the_table_of_teaching_is_that_of_the_labs() -> None:
    """After a change: python3 -m minirun.labs.document docs/teaching.md"""
    page = (REPOSITORY / "docs" / "teaching.md").read_text()
    assert with_table(page) == page


def test_to_import_a_module_does_nothing_else() -> None:
    """Programs for students are in `given`, which is no package."""
    every = "import importlib, pkgutil, minirun\nfor one in pkgutil.walk_packages(minirun.__path__, 'minirun.'):\n"
    every += "    one.name.endswith('__main__') or importlib.import_module(one.name)\n"
    done = subprocess.run([sys.executable, "-c", every], cwd=REPOSITORY, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
