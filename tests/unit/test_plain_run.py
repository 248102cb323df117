"""A run that asks for nothing special is made of files that a reader can take in, and of no variant."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

HOME = Path(__file__).parents[2]
LONGEST_FILE = 300
TABLES = {"kernel/constants.py", "kernel/files.py", "cli/table.py"}  # to look things up in: a line or a call each

# Of the default config.json, as `minirun spec` writes it, but without a terminal: what of minirun a run imports, and
# the steps of its plan.
DRIVER = """
import json, sys
sys.path.insert(0, sys.argv[1])
from minirun.cli import actions, start
from minirun.runtime import run
from minirun.steps.step import Step

def told(steps, *_more, **_named):
    for step in steps:
        step.prepare()
    here = [(name, module) for name, module in sys.modules.items() if name.startswith("minirun.")]
    kinds = {
        name: [kind for kind, value in vars(module).items()
               if isinstance(value, type) and issubclass(value, Step) and value.__module__ == name]
        for name, module in here
    }
    print(json.dumps([[m.__file__ for _, m in here], kinds, sorted({type(step).__name__ for step in steps})]))
    return 0

actions.seal = lambda values: None
run.run_plan = told
start.start(["--root", sys.argv[2], "run", sys.argv[2]])
"""


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], dict[str, list[str]], list[str]]:
    bundle = tmp_path_factory.mktemp("bundle")
    subprocess.run([sys.executable, "-m", "minirun", "spec", "--bundle", str(bundle)], cwd=HOME, check=True)
    (bundle / "rootfs").mkdir()
    config = json.loads((bundle / "config.json").read_text())
    config["process"]["terminal"] = False
    (bundle / "config.json").write_text(json.dumps(config))
    words = [sys.executable, "-I", "-B", "-c", DRIVER, str(HOME), str(bundle)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    files, kinds, used = json.loads(done.stdout)
    return [file.removeprefix(f"{HOME}/minirun/") for file in files], kinds, used


def test_its_files_are_short(plain: tuple[list[str], dict[str, list[str]], list[str]]) -> None:
    lengths = {file: len((HOME / "minirun" / file).read_text().splitlines()) for file in plain[0]}
    assert "steps/rootfs.py" in lengths
    assert {file: length for file, length in lengths.items() if length > LONGEST_FILE and file not in TABLES} == {}


def test_a_file_of_steps_is_imported_for_one_of_them(
    plain: tuple[list[str], dict[str, list[str]], list[str]],
) -> None:
    """JoinCgroup is part of StartContainerProcess: the step that it saves."""
    _files, kinds, used = plain
    needed = {*used, "Step", "JoinCgroup"}
    assert [name for name, found in kinds.items() if found and needed.isdisjoint(found)] == []


def test_the_table_of_steps_has_each_file_where_it_belongs(
    plain: tuple[list[str], dict[str, list[str]], list[str]],
) -> None:
    """docs/architecture.md, "The steps, by facility"."""
    text = (HOME / "docs/architecture.md").read_text().partition("## The steps, by facility")[2].partition("\n## ")[0]
    rows = [line.split("|")[2:4] for line in text.splitlines() if line.startswith("| ")][1:]
    usual, variants = (re.findall(r"`(\w+)`", " ".join(column)) for column in zip(*rows, strict=True))
    imported = {Path(file).stem for file in plain[0] if file.startswith("steps/")} - {"__init__"}
    assert sorted(usual) == sorted(imported)
    assert sorted(usual + variants) == sorted(p.stem for p in (HOME / "minirun/steps").glob("*.py") if p.stem[0] != "_")
