"""Every transcript on these pages is what really happens: the commands are run, the output is compared line by line.

On the page, … stands for whatever is printed there, at the end of a line, within it, or for whole lines. A command may
go on in lines that begin with "> ".
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kernel.kit import needs
from kernel.kit.runtime import PATIENCE
from kernel.kit.screen import screen
from kernel.kit.typist import typing_to

if TYPE_CHECKING:
    from kernel.kit.runtime import Runtime

pytestmark = [pytest.mark.root, pytest.mark.only("minirun", "its own documents")]

REPOSITORY = Path(__file__).parents[2]
PAGES = ("README.md", "docs/guide.md", "docs/images.md", "docs/reading-order.md")
# What differs by run and machine: times; what a step has found out; and, as there is room, the manual page behind that.
DIFFERS = re.compile(r" *\d+(\.\d)? (µs|ms|s)\b| → .*|\x1b\[34m +\S+\(\d\)\x1b\[0m")


def transcripts(page: str) -> list[tuple[str, str]]:
    """The commands of the page's console blocks, each with the output that it shows."""
    blocks = re.findall(r"^```console\n(.*?)^```", (REPOSITORY / page).read_text(), re.MULTILINE | re.DOTALL)
    parts = [part for block in blocks for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    matches = [re.fullmatch(r"(.*\n(?:> .*\n)*)((?:.*\n)*)", part) for part in parts]
    return [(match[1].replace("\n> ", "\n"), match[2]) for match in matches if match]


@pytest.fixture(scope="module")
def tried(workshop: Path, runtime: Runtime) -> Path:
    """A directory in which bundles/hello is what ./try makes of it, and .venv/bin/minirun is the runtime. Each module
    that has these tests for pages of its own has one."""
    place = Path(tempfile.mkdtemp(prefix="tried-", dir=workshop))
    place.chmod(0o755)
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


@pytest.fixture
def hello(place: Path, tried: Path) -> Path:
    """A copy for one test: making it takes ten seconds in the test machine."""
    return shutil.copytree(tried, place, symlinks=True, dirs_exist_ok=True)


@pytest.mark.parametrize("page", PAGES)
def test_the_page_shows_what_happens(hello: Path, page: str) -> None:
    assert len(transcripts(page)) > 2
    for command, expected in transcripts(page):
        shown = output(command, hello, pattern(expected))
        assert re.fullmatch(pattern(expected), shown), f"$ {command}{shown}--- {page}:\n{expected}"


def test_the_first_session_of_a_class(hello: Path, runtime: Runtime) -> None:
    """docs/classroom.md: what is typed at the container's prompt, and what comes then."""
    start, session = next(one for one in transcripts("docs/classroom.md") if PROMPT in one[1])
    subprocess.run(["rootfs/busybox", "bundles/busybox"], cwd=hello, check=True, env=minirun_of(hello), timeout=60)
    command = start.partition("#")[0].replace("sudo minirun", f"{hello}/.venv/bin/minirun").replace("~", str(hello))
    with typing_to(command.split(), runtime.environment) as typist:
        typist.see(PROMPT)
        *shown, (last, nothing) = re.findall(r"^/ # (.*\n)((?:(?!/ # ).*\n)*)", session, re.MULTILINE)
        assert shown and not nothing
        for words, expected in shown:
            typist.type(words)
            typist.see("\r\n")  # what was typed
            answer = CONTROL.sub("", typist.see(PROMPT)).removesuffix(PROMPT)
            assert re.fullmatch(pattern(expected), answer), f"/ # {words}{answer}"
        typist.type(last)
        assert typist.status() == 0


PROMPT = "/ # "
CONTROL = re.compile(r"\r|\x1b\[[0-9;]*[A-Za-z]")  # line editing: console_codes(4)


def minirun_of(place: Path) -> dict[str, str]:
    return {**os.environ, "MINIRUN": f"{place}/.venv/bin/minirun"}


def output(command: str, place: Path, wanted: str) -> str:
    """Into a file, which a container may keep open for as long as it wants to. After `start` it writes there when the
    command has come to its end."""
    file = place / "output"
    with file.open("wb") as stream, errors_to(stream.fileno(), wanted) as errors:
        subprocess.run(
            ["bash", "-c", command.replace("sudo ", "")],
            cwd=place,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), "PATH": f"{place}/.venv/bin:{os.environ['PATH']}"},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=errors,
            timeout=60 * PATIENCE,
            check=False,
        )
    deadline = time.monotonic() + 5 * PATIENCE
    while not re.fullmatch(wanted, file.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return file.read_text()


def errors_to(file: int, wanted: str) -> contextlib.AbstractContextManager[int]:
    """Where standard error goes: where the page shows a message in several lines, that is a terminal."""
    shows_facts = re.search(r"\\ \\ (step|call|cure|allowed):", wanted)
    return screen(file) if shows_facts else contextlib.nullcontext(file)


def pattern(expected: str) -> str:
    """The output as a regular expression: … is anything within a line, and alone on a line any number of lines."""
    lines = [
        r"(?:.*\n)*" if line == "…" else re.escape(line).replace("…", ".*") + r"\n" for line in expected.splitlines()
    ]
    return "".join(lines)


@needs.program("man")  # `explain` has a word for who has none
def test_the_recording_is_what_happens(hello: Path) -> None:
    """To make it anew: docs/record says how."""
    made = subprocess.run(
        [sys.executable, str(REPOSITORY / "docs/record"), str(hello)],
        capture_output=True,
        text=True,
        timeout=60 * PATIENCE,
        check=False,
    )
    assert made.returncode == 0, made.stdout[-2000:] + made.stderr
    assert screens(made.stdout) == screens((REPOSITORY / "docs/run.cast").read_text())


def screens(cast: str) -> list[list[str]]:
    """The lines of each command, without what differs. The container and the runtime write at the same time, so the
    order of their lines differs, too."""
    _, *events = map(json.loads, cast.splitlines())
    text = DIFFERS.sub("", "".join(text for _, _, text in events))
    return [sorted(command.splitlines()) for command in text.split("\x1b[32m$\x1b[0m ")]
