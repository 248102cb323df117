"""bench/ itself: that each of its rows is measured, and that a run has its phases. How long they take is not tested."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from kernel.kit import needs

BENCH = Path(__file__).parents[2] / "bench"

pytestmark = [pytest.mark.root, needs.static_busybox()]


def bench(name: str, *words: str) -> list[str]:
    told = subprocess.run([BENCH / name, "--runs=1", *words], capture_output=True, text=True, timeout=250)
    assert told.returncode == 0, told.stderr
    return told.stdout.splitlines()


@pytest.mark.only("minirun", "has the Python interface as well")
def test_every_row_is_measured(runtime):
    rows = "run,create,start,create+start+delete,exec,state,kill,delete,list,version,features,python"
    lines = bench("run", "--only", rows, runtime.argv[0])
    measured = {line.split()[0] for line in lines if f" {runtime.argv[0]} " in line}
    assert measured == set(rows.split(","))


@pytest.mark.only("minirun", "its own phases")
@pytest.mark.skipif(not shutil.which("strace"), reason="takes strace")
def test_a_run_has_its_phases(runtime):
    told = "\n".join(bench("waterfall"))
    names = ("the interpreter starts", "the seal", "imports", "config.json, plan", "the program", "from the command")
    assert [name for name in names if not re.search(rf"^{name}.* \d+\.\d ms", told, re.MULTILINE)] == []
