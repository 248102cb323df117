"""docs/python.md: its examples are run, and print what they show there."""

from __future__ import annotations

import contextlib
import doctest
import logging
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kernel.kit import needs
from kernel.kit.host import nothing_left
from kernel.kit.runtime import REPOSITORY
from minirun.api.warm import template

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.root,
    pytest.mark.only("minirun", "its own interface for Python"),
    needs.cgroup2(),
    needs.static_busybox(),
]

PAGE = REPOSITORY / "docs" / "python.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture
def hello(place: Path, runtime) -> Path:
    """A directory with the bundle that ./try makes in bundles/hello."""
    minirun = place / "minirun"
    minirun.write_text(f'#!/bin/sh\nPYTHONPATH={REPOSITORY} exec {" ".join(runtime.argv)} "$@"\n')
    minirun.chmod(0o755)
    environment = os.environ | {"MINIRUN": str(minirun)}
    words = [str(REPOSITORY / "rootfs" / "busybox"), "bundles/hello"]
    subprocess.run(words, cwd=place, env=environment, check=True, capture_output=True)
    change = "import minirun; b = minirun.Bundle('bundles/hello'); b.process['terminal'] = False; b.write()"
    environment["PYTHONPATH"] = str(REPOSITORY)
    subprocess.run([sys.executable, "-c", change], cwd=place, env=environment, check=True)
    return place


@contextlib.contextmanager
def loggers_of_its_own() -> Iterator[None]:
    """Without pytest's handlers, beside which basicConfig does nothing."""
    root, own = logging.getLogger(), logging.getLogger("minirun")
    handlers, levels = root.handlers[:], (root.level, own.level)
    root.handlers[:] = []
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(levels[0])
        own.setLevel(levels[1])


def test_the_sessions_print_what_they_show(hello, monkeypatch):
    monkeypatch.chdir(hello)
    text = "\n".join(blocks("pycon")).replace("…", "...")  # doctest's sign for anything
    session = doctest.DocTestParser().get_doctest(text, {}, "docs/python.md", None, None)
    assert len(session.examples) > 30
    told: list[str] = []
    with nothing_left("minirun"), loggers_of_its_own():
        result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(session, out=told.append)
        template.close()
    assert result.failed == 0, "".join(told)


def test_the_fixture_works(hello):
    """The page's example of a test, with pytest."""
    [example] = blocks("python")
    (hello / "test_example.py").write_text(example)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_example.py"]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1"}
    with nothing_left("minirun"):
        done = subprocess.run(command, cwd=hello, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, "1 passed" in done.stdout) == (0, True), done.stdout + done.stderr
