"""What stats and top draw: the same numbers and the same width give the same lines."""

from __future__ import annotations

import curses
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from minirun.cgroups.usage import MACHINE, CpuUse, IoUse, Machine, MemoryUse, PidsUse, Pressure, SwapUse, Waiting
from minirun.cli import stats, top
from minirun.cli.drawing import (
    ASCII,
    CHOSEN,
    FULL,
    FULL_BAR,
    GOOD_BAR,
    HIGH,
    HIGH_BAR,
    TEXT,
    UNICODE,
    clipped,
    duration,
    gauge,
    size,
)
from minirun.cli.page import DOWN, UP, View, page, pressed
from minirun.cli.picture import picture
from minirun.errors import MinirunError, StateError
from minirun.runtime import usage as runtime
from minirun.runtime.usage import Look, Usage

if TYPE_CHECKING:
    from minirun.cli.drawing import Line

REPOSITORY = Path(__file__).parents[2]
MIB = 1 << 20
HOST = Machine(cpus=2, memory_bytes=4096 * MIB, swap_bytes=0, pids=4096)
NOTHING = Pressure(None, None, None)
WHY = "no memory controller in cgroup v2 here: cgroup v1 has it"


def container(name: str, **more: object) -> Usage:
    """One with limits, and near them."""
    usage = Usage(
        id=name,
        time="2026-01-01T00:00:00Z",
        status="running",
        pid=4711,
        program="nginx -g daemon off;",
        uptime_seconds=7990.0,
        cpu=CpuUse(12.0, 0.2, 0.2, 0.2, "cpu.max", 99.6, 9.96, 90.0, 61.5),
        memory=MemoryUse(48 * MIB, 64 * MIB, None, 64 * MIB, "memory.max", 75.0, 60 * MIB, 3),
        swap=SwapUse(0, None, 0, MACHINE, 0.0),
        pids=PidsUse(5, 50, 50, "pids.max", 10.0),
        io=IoUse(0, 0, 1.5 * MIB, 0.0),
        pressure=Pressure(Waiting(80.2, 0.0), Waiting(12.0, 5.4), Waiting(0.0, 0.0)),
        missing=(),
    )
    return usage.replace(**more)


def unlimited(name: str) -> Usage:
    return container(
        name,
        program="",
        status="created",
        cpu=CpuUse(1.0, None, None, 1.5, "cpu.max of /minirun", None, None, None, None),
        memory=None,
        swap=None,
        pids=PidsUse(1, None, 4096, MACHINE, 0.02),
        io=None,
        pressure=NOTHING,
        missing=(WHY,),
    )


def texts(lines: list[Line]) -> list[str]:
    return ["".join(text for text, _ in line).rstrip() for line in lines]


def test_the_picture() -> None:
    look = Look(HOST, (container("web"), unlimited("a-container-with-a-long-name")))
    shown = ["web", "a-container-with-a-long-name"]
    assert texts(picture(look, 80, ASCII, "12:00:00", shown)) == [
        "minirun  2 containers on 2 CPUs, 4.0 GiB memory                         12:00:00",
        "",
        "CONTAINER        STATUS  CPU          MEMORY        PIDS OOM WAITS:cpu  mem   io",
        "web              running ######  100% ####.|   75%     5   3       80%  12%   0%",
        "a-container-with created ......     - ......     -     1   -         -    -    -",
        "",
        "web  running, up 2 h 13 min, pid 4711: nginx -g daemon off;",
        "cpu     ##################  100%  0.20 of 0.2 CPUs (cpu.max)",
        "        throttled in 90% of the periods (61.5 s in all), 10% of the machine",
        "memory  ##############..|.   75%  48.0 MiB of 64.0 MiB (memory.max)",
        "        peak 60.0 MiB, OOM kills: 3",
        "swap    ..................    0%  none (the machine: 0 B)",
        "pids    ##................   10%  5 of 50 (pids.max)",
        "io      reads 1.5 MiB/s, writes 0 B/s",
        "waits   cpu 80%/0%, memory 12%/5%, io 0%/0%  (some tasks/all tasks, last 10 s)",
        "",
        "a-container-with-a-long-name  created, up 2 h 13 min, pid 4711: waits for start",
        "cpu     ..................     -  -, no limit (cpu.max of /minirun: 1.5 CPUs)",
        "pids    ..................    0%  1, no limit (the machine: 4096)",
        "",
        WHY,
    ]


def test_a_program_has_characters_that_the_terminal_lacks() -> None:
    look = Look(HOST, (container("web", program="naïve"),))
    shown = [texts(picture(look, 80, drawing, "", ["web"]))[5] for drawing in (UNICODE, ASCII)]
    assert [line.rpartition(" ")[2] for line in shown] == ["naïve", "na?ve"]


def test_without_containers() -> None:
    assert texts(picture(Look(HOST, ()), 80, ASCII, "12:00:00", ()))[2:] == ["no container is running"]


@pytest.mark.parametrize("width", [20, 60, 79, 80, 81, 119, 120, 200])
def test_no_line_is_wider_than_the_screen(width: int) -> None:
    wide = container("ü" * 64, program="漢字" * 80, uptime_seconds=1e9)
    look = Look(HOST, (wide, unlimited("b")))
    for lines in (
        picture(look, width, UNICODE, "12:00:00", [wide.id, "b"]) if width >= 60 else [],
        page(look, View(), width, 24, UNICODE, "12:00:00"),
    ):
        assert all(sum(2 if char in "漢字" else 1 for char in text) <= width for text in texts(lines))


def test_what_is_too_high_is_seen_without_colours_too() -> None:
    assert [gauge(percent, 16, UNICODE)[0] for percent in (0, 50, 80, 130)] == [
        ("", GOOD_BAR),
        ("█" * 5, GOOD_BAR),
        ("█" * 8, HIGH_BAR),
        ("█" * 10, FULL_BAR),
    ]
    assert [gauge(percent, 16, UNICODE)[2][1] for percent in (50, 80, 130)] == [TEXT, HIGH, FULL]


def test_the_mark_of_a_peak() -> None:
    assert gauge(20, 16, ASCII, 95)[1][0] == ".......|"
    assert gauge(90, 16, ASCII, 90)[1][0] == "|"
    assert gauge(0, 16, ASCII, 2)[1][0] == ".........."
    assert gauge(50, 16, ASCII, 30)[1][0] == ".....", "it can't be below what is used now, but for a moment"


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (size(0), "0 B"),
        (size(999), "999 B"),
        (size(1000), "1.0 KiB"),
        (size(58.3 * MIB), "58.3 MiB"),
        (size(5e15), "4547 TiB"),
        (duration(0.4), "0 s"),
        (duration(61), "1 min 1 s"),
        (duration(86400 * 3 + 7), "3 d 0 h"),
        (clipped("ab漢", 3), "ab"),
        (clipped("ab漢", 4), "ab漢"),
    ],
)
def test_numbers_and_words(told: str, expected: str) -> None:
    assert told == expected


# ---- the whole screen


def test_a_page_fills_the_screen_and_shows_the_chosen_one() -> None:
    look = Look(HOST, tuple(container(f"c{number:02}") for number in range(40)))
    for rows in (5, 10, 24, 60):
        lines = page(look, View(chosen="c33"), 80, rows, ASCII, "12:00:00")
        assert len(lines) == rows
        assert next(text for line in lines for text, style in line if style == CHOSEN).strip() == "c33"
        assert lines[-1][0][0].startswith("q: end")
        assert any(text.startswith("c33  running,") for text in texts(lines)) == (rows >= 24)


def test_keys() -> None:
    look = Look(HOST, (container("a", memory=None), container("b", pids=None), container("c", cpu=None)))
    first = {order: texts(page(look, View(order=order), 80, 24, ASCII, ""))[3][0] for order in "ncmpw"}
    assert first == {"n": "a", "c": "a", "m": "b", "p": "a", "w": "a"}
    view = pressed(View(), DOWN, look)
    assert view.chosen == "b"
    assert pressed(pressed(view, DOWN, look), DOWN, look).chosen == "c", "there it ends"
    assert pressed(view, UP, look).chosen == "a"
    assert pressed(view, "m", look) == View(chosen="b", order="m")
    assert pressed(view, "x", look) == view
    assert pressed(view, UP, Look(HOST, ())) == view


# ---- terminals


@pytest.mark.parametrize(
    ("locale", "drawing"),
    [
        ({"LANG": "de_DE.UTF-8"}, UNICODE),
        ({"LANG": "C.utf8@euro"}, UNICODE),
        ({"LANG": "de_DE.UTF-8", "LC_ALL": "C"}, ASCII),
        ({"LANG": "de_DE.UTF-8", "LC_CTYPE": "de_DE.ISO-8859-1"}, ASCII),
        ({}, ASCII),
    ],
)
def test_blocks_only_where_the_locale_has_them(locale: dict[str, str], drawing: object) -> None:
    assert stats.drawing(locale) == drawing


def test_colours_are_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    for environment, wanted in (({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False), ({"NO_COLOR": "1"}, False)):
        monkeypatch.delenv("NO_COLOR", raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        assert stats.colours_wanted() == wanted
    monkeypatch.undo()
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert not stats.colours_wanted()
    assert stats.painted([("7%", FULL), (" x", TEXT)], colours=False) == "7% x"
    assert stats.painted([("7%", FULL), (" x", TEXT)], colours=True) == "\x1b[31m\x1b[1m7%\x1b[0m x"


@pytest.mark.parametrize("kind", ["", "dumb", "no-such-terminal"])
def test_a_terminal_that_can_not_be_drawn_on(kind: str) -> None:
    """Where curses would end the program, or Python would tell of setupterm()."""
    result = in_a_terminal(["-m", "minirun", "--root", "/does/not/exist", "top"], kind)
    assert "can't draw on a terminal" in result and "cure:" in result and "Traceback" not in result


def in_a_terminal(words: list[str], kind: str) -> str:
    """What a program of Python writes to a terminal of this kind, to its end."""
    master, terminal = pty.openpty()
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "TERM": kind}
    command = [sys.executable, *words]
    with subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment) as process:
        assert process.wait(60) == 1
    os.close(terminal)
    try:
        return os.read(master, 4096).decode()
    finally:
        os.close(master)


def test_a_size_that_nobody_knows_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Terminals that are no windows say 0 times 0: ioctl_tty(2)."""
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(curses, "resizeterm", lambda rows, columns: asked.append((rows, columns)))
    for found in ((0, 0), (80, 24)):
        monkeypatch.setattr(os, "get_terminal_size", lambda _descriptor, found=found: os.terminal_size(found))
        top.Screen.resize(top.Screen.__new__(top.Screen))
    assert asked == [(24, 80)]


def test_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "isatty", lambda _descriptor: False)
    with pytest.raises(MinirunError, match=r"top needs a terminal\n  cure:  minirun stats"):
        top.refuse_without_terminal()


# ---- containers


@pytest.fixture
def root(tmp_path: Path) -> str:
    """A state directory with a container that has ended, one that is just being made, and one of another runtime."""
    nothing = {"bundle": "", "rootfs": "", "cgroup": "", "annotations": {}, "options": {}, "made": []}
    facts = {"ociVersion": "1.0.2", "id": "web", "created": 0, "complete": True, "pid": 0, "pidStartTime": 0} | nothing
    for name, books in (("web", facts), ("new", None), ("other", {"id": "other"})):
        (tmp_path / name).mkdir()
        if books:
            (tmp_path / name / "state.json").write_text(json.dumps(books))
    return str(tmp_path)


def test_only_what_runs_is_looked_at(root: str) -> None:
    assert runtime.Watch(root, ()).look().containers == ()
    assert runtime.Watch(f"{root}/none", ()).look().containers == ()
    with pytest.raises(StateError, match="container not running: web"):
        runtime.Watch(root, ("web",))
    with pytest.raises(StateError, match="container does not exist: nobody"):
        runtime.Watch(root, ("nobody",))


def test_a_state_directory_of_another_user(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_path: str) -> list[str]:
        raise PermissionError

    monkeypatch.setattr(os, "listdir", refuse)
    with pytest.raises(StateError, match=r"can't look into .*\n  cure:  sudo"):
        runtime.Watch(root, ()).look()


def test_a_disk_that_is_made_of_others_is_not_counted_beside_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "is_made_of_others", lambda device: device == "253:0")
    assert runtime.whole_disks("8:0 rbytes=1 wbytes=0\n253:0 rbytes=1 wbytes=0\n") == "8:0 rbytes=1 wbytes=0\n"


def test_a_program_can_not_write_to_the_terminal() -> None:
    """What it calls itself is its own choice."""
    words = ["sleep\x1b]0;title\x07", "-c", "input('ready')", "60\n", "ä"]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, executable=sys.executable, stdin=pipe, stdout=pipe) as process:
        assert process.stdout and process.stdout.read(5) == b"ready"
        told = runtime.program(process.pid)
        process.kill()
    assert told == "sleep\\x1b]0;title\\x07 -c input('ready') 60\\n ä"
