"""A minute of fuzzing, and all that it has ever found. tests/fuzz/run does the same for hours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fuzz.mutator import Mutator
from fuzz.seeds import REGRESSIONS, seeds
from fuzz.targets import TARGETS, forget

if TYPE_CHECKING:
    from collections.abc import Iterator

RUN = Path(__file__).parent / "run"
SECONDS = 60


@pytest.fixture(autouse=True, scope="module")
def _forget() -> Iterator[None]:
    yield
    forget()


@pytest.mark.parametrize("path", sorted(REGRESSIONS.iterdir()), ids=lambda path: path.stem)
def test_what_was_wrong_once(path: Path) -> None:
    TARGETS[path.name.partition("-")[0]](path.read_bytes())


@pytest.mark.parametrize("target", TARGETS)
def test_what_fuzzing_begins_with(target: str) -> None:
    for data in seeds(target):
        TARGETS[target](data)


@pytest.mark.parametrize("target", TARGETS)
def test_the_mutator_makes_other_files_of_the_same_kind(target: str) -> None:
    import random

    rng, mutator, files = random.Random(1), Mutator(seeds(target)), seeds(target)
    made = {mutator.mutate(rng.choice(files), rng) for _ in range(200)}
    assert len(made - set(files)) > 150


@pytest.mark.slow
def test_a_minute(capsys: pytest.CaptureFixture[str]) -> None:
    words = [sys.executable, "-B", str(RUN), "--seconds", str(SECONDS)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=5 * SECONDS)
    with capsys.disabled():
        print(f"\n{done.stdout.splitlines()[-1] if done.stdout else done.stderr}")
    assert done.returncode == 0, done.stdout + done.stderr
