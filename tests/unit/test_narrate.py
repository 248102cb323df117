"""--narrate and --step without a kernel to tell of: steps that do nothing, and a pipe to read what is told."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from minirun.errors import StateError, StepError
from minirun.runtime.log import Log
from minirun.runtime.undo import undo
from minirun.runtime.walk import do, walk
from minirun.steps.step import CONTAINER, RUNTIME, Channel, Context, Refused, Step
from minirun.teach import inspection
from minirun.teach.before_after import BeforeAndAfter
from minirun.teach.chapters import CHAPTERS
from minirun.teach.narrate import Narrator
from minirun.teach.several import Several
from minirun.teach.stepping import ALWAYS, LOOK, Stepper
from minirun.teach.text import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from minirun.teach.inspection import Facts

REPOSITORY = Path(__file__).parents[2]


class Made(Step):
    runs_in = RUNTIME
    chapter = "books"
    man = "mkdir(2)"

    word: str
    fault: str = ""
    result: str = ""

    def describe(self) -> str:
        return f"make {self.word}"

    def apply(self, context: Context) -> None:
        if self.fault:
            raise Refused(self.fault)
        context.result = self.result

    def undo(self, context: Context) -> None:
        pass


class Mounted(Made):
    runs_in = CONTAINER
    chapter = "mounts"


class Told:
    """Walks down steps in one process, and gives what is told of them."""

    def __init__(self, *steps: Step, first: int = 0) -> None:
        self.reading, writing = os.pipe()
        self.steps, self.log = steps, Log()
        self.log.observer = Narrator(writing)
        os.close(writing)  # the narrator has its own
        self.log.observer.prepare(steps, first)
        self.context = Context(self.log, Channel())

    def walk(self, *numbers: int) -> None:
        for index in numbers:
            self.context.me = self.steps[index].runs_in
            do(self.steps[index], index, self.steps, self.context, self.log)

    def lines(self) -> list[str]:
        os.close(self.log.observer.descriptor)
        with open(self.reading) as told:
            return told.read().splitlines()


def test_a_heading_where_the_process_or_the_chapter_changes() -> None:
    told = Told(Made("a"), Made("b"), Mounted("c"), Made("d"))
    told.walk(0, 1, 2, 3)
    lines = told.lines()
    assert [line for line in lines if not line.startswith(" ")] == [
        "BOOKS: the runtime",
        "MOUNTS: the container's process",
        "BOOKS: the runtime",
    ]
    assert lines[1].split()[0] == "1" and " make a " in lines[1] and lines[1].endswith("mkdir(2)")


def test_what_came_of_a_step_is_told_of_that_one_only() -> None:
    told = Told(Made("a", result="pid 7\a"), Made("b"))
    told.walk(0, 1)
    lines = told.lines()
    assert " make a → pid 7\\x07 " in lines[1] and lines[2].split()[-3:] == ["make", "b", "mkdir(2)"]


def test_what_fails_and_what_is_taken_back() -> None:
    told, applied = Told(Made("a"), Made("b", fault="no room")), []
    with pytest.raises(StepError):
        walk(told.steps, told.context, None, told.log, applied)  # nothing to hand over
    undo(applied, told.context, told.log)
    lines = told.lines()
    assert lines[2].endswith("make b  FAILED: no room")
    assert lines[3] == "TAKEN BACK by the runtime: what it did in these steps" and " make a " in lines[4]


def test_the_other_process_is_told_by_who_follows_it() -> None:
    told = Told(Made("a"), Mounted("b"), Mounted("c"), Made("d"), first=1)
    told.walk(3)
    assert [line.split()[:3] for line in told.lines() if line.startswith(" ")][:2] == [
        ["2", "make", "b"],
        ["3", "make", "c"],
    ]


def test_what_config_json_brings_along_does_not_reach_the_terminal() -> None:
    told = Told(Made("\x1b[2J\r"))
    told.walk(0)
    assert "make \\x1b[2J\\r" in told.lines()[1]


def test_after_a_filter_the_clock_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(Made("a"), Made("b"))
    told.context.is_filtered = True
    monkeypatch.setattr("minirun.teach.narrate.perf_counter_ns", lambda: pytest.fail("it asked for the time"))
    told.walk(0)
    assert told.lines()[1].split()[:3] == ["1", "make", "a"]


def test_nobody_who_reads_is_no_failure() -> None:
    told = Told(Made("a"))
    os.close(told.reading)
    told.walk(0)


@pytest.mark.parametrize(
    ("nanoseconds", "text"), [(999, "0 µs"), (12_345, "12 µs"), (1_250_000, "1.2 ms"), (2_340_000_000, "2.3 s")]
)
def test_durations(nanoseconds: int, text: str) -> None:
    assert shown(nanoseconds) == text


# ---- --narrate=full


class Ran(Mounted):
    becomes_program = True


def test_before_and_after(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is closed to an ordinary user before the program runs is looked at once more when it does."""
    told = Told(Made("a"), Mounted("b"), Made("c"), Mounted("d"), Ran("e"), Made("f"))
    narrator = told.log.observer
    told.log.observer = Several(BeforeAndAfter(narrator), narrator)
    told.log.observer.prepare(told.steps)
    looked: list[int] = []

    def look(pid: int) -> Facts:
        looked.append(pid)
        if len(looked) == 1:
            raise StateError("closed")
        return own

    own = inspection.look(os.getpid())
    monkeypatch.setattr("minirun.teach.before_after.look", look)
    told.walk(0, 1)
    assert not looked
    told.walk(2)
    assert len(looked) == 1
    told.walk(3, 4, 5)
    told.log.observer = narrator
    lines = told.lines()
    assert len(looked) == 3 and lines.count("  as the program runs") == 1
    assert not any("there is no picture" in line for line in lines)


# ---- --step


def test_every_chapter_has_somewhere_to_look() -> None:
    assert LOOK.keys() == CHAPTERS.keys()
    programs = {command.split()[0] for commands in (*LOOK.values(), ALWAYS) for command in commands} - {"$minirun"}
    assert [program for program in programs if shutil.which(program) is None] == []


@pytest.fixture
def stepper(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], tuple[Stepper, Context]]:
    """One that is answered so at each question."""

    def make(answers: str) -> tuple[Stepper, Context]:
        terminal, keyboard = os.pipe()
        os.write(keyboard, answers.encode())
        os.close(keyboard)
        monkeypatch.setattr("minirun.teach.stepping.open_terminal", lambda: terminal)
        log = Log()
        asking = Stepper(1)
        monkeypatch.setattr(asking, "write", lambda text: None)
        asking.prepare((Made("a"), Made("b")))
        return asking, Context(log, Channel())

    return make


def test_the_end_of_the_input_ends_the_run(stepper: Callable[[str], tuple[Stepper, Context]]) -> None:
    asking, context = stepper("")
    with pytest.raises(Refused, match="stopped before it"):
        asking.before(asking.steps[0], 0, context)


def test_without_a_terminal_there_is_an_error_that_helps() -> None:
    command = [sys.executable, "-c", "from minirun.teach.stepping import open_terminal; open_terminal()"]
    done = subprocess.run(command, cwd=REPOSITORY, start_new_session=True, capture_output=True, text=True)
    assert StateError.__name__ in done.stderr and "--narrate tells the same without asking" in done.stderr
