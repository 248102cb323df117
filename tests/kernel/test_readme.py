"""Every transcript in the README is what really happens: the commands are run, the output is compared line by line.

In the README, … stands for whatever is printed there, at the end of a line, within it, or for whole lines.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from kernel.kit.runtime import Runtime

pytestmark = [pytest.mark.root, pytest.mark.only("minirun", "its own README")]

REPOSITORY = Path(__file__).parents[2]


def transcripts() -> list[tuple[str, str]]:
    """The commands of the README's console blocks, each with the output that it shows."""
    blocks = re.findall(r"^```console\n(.*?)^```", (REPOSITORY / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    commands = [part.split("\n", 1) for block in blocks for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    return [(command, output) for command, output in commands]


@pytest.fixture
def hello(place: Path, runtime: Runtime) -> Path:
    """A directory in which bundles/hello is what ./try makes of it, and .venv/bin/minirun is the runtime."""
    text = (REPOSITORY / "try").read_text()
    start = text.index("MINIRUN=")
    script = text[text.index("greeting=") : text.index("\n\n", text.index("greeting="))] + "\n" + text[start:]
    minirun = place / ".venv" / "bin" / "minirun"
    minirun.parent.mkdir(parents=True)
    words = " ".join(runtime.argv)
    minirun.write_text(f'#!/bin/sh\nPYTHONPATH={REPOSITORY} exec {words} "$@"\n')
    minirun.chmod(0o755)
    (minirun.parent / "python").symlink_to(sys.executable)
    (place / "rootfs").symlink_to(REPOSITORY / "rootfs")
    subprocess.run(["bash", "-ec", 'as_root() { "$@"; }\n' + script], cwd=place, check=True, capture_output=True)
    return place


def test_the_readme_shows_what_happens(hello: Path) -> None:
    assert len(transcripts()) >= 3
    for command, expected in transcripts():
        result = subprocess.run(
            ["bash", "-c", command.replace("sudo ", "")],
            cwd=hello,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        assert re.fullmatch(pattern(expected), result.stdout), f"$ {command}\n{result.stdout}\n--- README:\n{expected}"


def pattern(expected: str) -> str:
    """The output as a regular expression: … is anything within a line, and alone on a line any number of lines."""
    lines = [
        r"(?:.*\n)*" if line == "…" else re.escape(line).replace("…", ".*") + r"\n" for line in expected.splitlines()
    ]
    return "".join(lines)
