"""bench/soak itself: that it comes to its end, and notices what it is there to notice."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import pytest

from kernel.kit import needs
from kernel.kit.runtime import PATIENCE

SOAK = Path(__file__).parents[2] / "bench" / "soak"
SMALL = ("--one-by-one=3", "--at-once=3", "--operations=10", "--from-python=4", "--ids=2", "--workers=3")

pytestmark = [
    pytest.mark.root,
    needs.static_busybox(),
    pytest.mark.skipif(PATIENCE > 1, reason="its limits of time are for machines that are not emulated"),
]


def soak(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SOAK, *words], capture_output=True, text=True, timeout=120, check=False)


def test_minirun_leaves_nothing_behind(runtime):
    told = soak(*SMALL, "--runtime", runtime.argv[0])
    assert told.returncode == 0, told
    assert told.stdout.splitlines()[-1].split() == ["left", "behind", "nothing"]


FORGETFUL = """#!/bin/sh
touch /tmp/forgotten
echo 'Traceback (most recent call last):'
echo 'KeyError: 5'
exit 1
"""


def test_what_stays_behind_or_says_too_little_is_noticed():
    """By a runtime that forgets a file, and has a bad day."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as directory:  # /tmp is another one there
        program = Path(directory, "forgetful")
        program.write_text(FORGETFUL)
        program.chmod(0o755)
        told = soak(*SMALL, "--runtime", str(program))
    assert told.returncode == 1
    assert "1 files in /tmp" in told.stdout
    assert "WRONG: 6 x run: KeyError: 5" in told.stdout
