"""docs/reading-order.md: what it calls the path of a plain run is what one executes, with all of the way to execve."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from unit.test_reading_order import path

if TYPE_CHECKING:
    from kernel.kit.runtime import Runtime

pytestmark = [pytest.mark.root, pytest.mark.only("minirun", "its own documents")]

REPOSITORY = Path(__file__).parents[2]
UNSEEN = {("runtime/seal.py", name) for name in ("seal", "sealed_copy")}  # left out: this Python would start again

# Notes what both processes call, each function once: its file and name. Before execve, also who is on the stack.
DRIVER = """
import os, sys
home, noted, *words = sys.argv[1:]
sys.path.insert(0, home)
sys.argv[1:] = words
import minirun.__main__
from minirun.cli import actions
from minirun.kernel import processes

note = os.open(noted, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC)
known = set()
become, rooms = processes.execve, home + "/minirun/"

def seen(frame, event, _value):
    code = frame.f_code
    if event == "call" and code not in known:
        known.add(code)
        write("called", code)

def write(kind, code):
    if code.co_filename.startswith(rooms):
        os.write(note, f"{kind} {code.co_filename.removeprefix(rooms)} {code.co_qualname}\\n".encode())

def execve(*words):
    frame = sys._getframe(1)
    while frame:
        write("stack", frame.f_code)
        frame = frame.f_back
    become(*words)

processes.execve = execve
actions.seal = lambda values: None
sys.setprofile(seen)
minirun.__main__.main()
"""


@pytest.fixture
def noted(runtime: Runtime, bundle, tmp_path: Path) -> list[list[str]]:
    """What a run of a plain container calls, and its stack at execve: kind, file, name."""
    made = bundle("true")
    made.config["linux"].setdefault("resources", {})["unified"] = {"cgroup.max.depth": "9"}  # takes no controller
    made.config["hostname"] = "plain"
    made.write()
    words = [str(REPOSITORY), str(tmp_path / "noted"), "--root", str(tmp_path / "books"), "run", str(made.path)]
    subprocess.run([sys.executable, "-I", "-c", DRIVER, *words], check=True, capture_output=True, timeout=60)
    return [line.split(" ") for line in (tmp_path / "noted").read_text().splitlines()]


def test_a_plain_run_executes_all_of_it(noted: list[list[str]]) -> None:
    called = {(file, part) for kind, file, name in noted if kind == "called" for part in beginnings(name)}
    records = {("spec/config.py", "Config"), ("steps/step.py", "Step")}  # a class without a function of its own there
    assert set(path()) - called - records <= UNSEEN


def beginnings(name: str) -> list[str]:
    """Of `MakeCgroup.apply` also `MakeCgroup`."""
    parts = name.split(".")
    return [".".join(parts[: count + 1]) for count in range(len(parts))]


def test_nothing_is_missing_on_the_way_to_execve(noted: list[list[str]]) -> None:
    on_stack = [(file, name) for kind, file, name in noted if kind == "stack"]
    known = set(path())
    missing = [(file, name) for file, name in on_stack if known.isdisjoint((file, part) for part in beginnings(name))]
    assert len(on_stack) > 10
    assert [name for name in missing if not name[1].endswith("<lambda>")] == []
    assert on_stack[-1] == ("__main__.py", "main")
