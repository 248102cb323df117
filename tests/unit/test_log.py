"""--log, --log-format and --log-level: what goes where."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from typing import TYPE_CHECKING

import pytest

from minirun.errors import StateError
from minirun.runtime import log_target
from minirun.runtime.log import Log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def listener(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """In the place of the journal, and of the system's log."""
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as end:
        end.bind(str(tmp_path / "socket"))
        end.settimeout(5)
        monkeypatch.setattr(log_target, "JOURNAL", str(tmp_path / "socket"))
        monkeypatch.setattr(log_target, "SYSLOG", str(tmp_path / "socket"))
        yield end


def fields(datagram: bytes) -> dict[str, str]:
    """A message to the journal: NAME=value, or NAME, the length, and the value."""
    found = {}
    while datagram:
        line, _, datagram = datagram.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            length = int.from_bytes(datagram[:8], "little")
            value, datagram = datagram[8 : 8 + length], datagram[8 + length + 1 :]
        found[name.decode()] = value.decode()
    return found


def closed(log: Log) -> None:
    assert log.target
    os.close(log.target.descriptor)


def test_the_journal_gets_all_of_a_message(listener: socket.socket) -> None:
    log = Log("journald:web")
    log.error("can't do it\n  cure:  do something else")
    assert fields(listener.recv(4096)) == {
        "PRIORITY": "3",
        "SYSLOG_IDENTIFIER": "web",
        "MESSAGE": "can't do it\n  cure:  do something else",
    }
    closed(log)


def test_the_systems_log_gets_it_in_one_line(listener: socket.socket) -> None:
    log = Log("syslog:web")
    log.error("can't do it\n  cure:  do something else")
    assert listener.recv(4096).decode().endswith(": can't do it; cure: do something else")
    closed(log)


def test_the_systems_log_gets_a_priority_and_a_name(listener: socket.socket) -> None:
    log = Log("syslog:web")
    log.warning("careful")
    datagram = listener.recv(4096).decode()
    assert datagram.startswith(f"<{3 * 8 + 4}>")
    assert datagram.endswith(f" web[{os.getpid()}]: careful")
    closed(log)


def test_a_file_by_scheme_and_without(tmp_path: Path) -> None:
    for target in (f"file:{tmp_path}/log", f"{tmp_path}/log"):
        log = Log(target, "json")
        log.error("no")
        closed(log)
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [line["msg"] for line in lines] == ["no", "no"]


def test_a_name_with_a_colon_is_a_file(tmp_path: Path) -> None:
    log = Log(f"{tmp_path}/a:b")
    closed(log)
    assert (tmp_path / "a:b").exists()


@pytest.mark.parametrize("target", ["journald:x", "syslog:x", "/does/not/exist", "file:/does/not/exist"])
def test_a_target_that_is_not_there(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_target, "JOURNAL", "/does/not/exist")
    monkeypatch.setattr(log_target, "SYSLOG", "/does/not/exist")
    with pytest.raises(StateError, match="can't log to"):
        Log(target)


@pytest.mark.parametrize(
    ("style", "level", "in_file", "on_stderr"),
    [
        ("text", "debug", ["detail", "careful", "no"], ["careful", "no"]),
        ("text", "warning", ["careful", "no"], ["careful", "no"]),
        ("text", "error", ["no"], ["no"]),
        ("json", "debug", ["detail", "careful", "no"], ["careful", "no"]),
        ("json", "warning", ["no"], ["careful", "no"]),
        ("json", "error", ["no"], ["no"]),
    ],
)
def test_levels(
    style: str, level: str, in_file: list[str], on_stderr: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = Log(str(tmp_path / "log"), style, level)
    log.debug("detail")
    log.warning("careful")
    log.error("no")
    closed(log)
    told = (tmp_path / "log").read_text().splitlines()
    assert [next(word for word in ("detail", "careful", "no") if f'"{word}"' in line) for line in told] == in_file
    shown = capfd.readouterr().err.splitlines()
    assert [line.split()[-1] for line in shown] == on_stderr


MESSAGE = """can't mount proc on /proc: operation not permitted (EPERM)
  step:  9 of 60, from /mounts/0 in config.json
  call:  mount("proc", "/proc", "proc", 0, NULL)
  cure:  not this;  but that
  see:   mount(2)"""
WHAT_AND_WHERE = (
    "can't mount proc on /proc: operation not permitted (EPERM); step: 9 of 60, from /mounts/0 in config.json; "
    'call: mount("proc", "/proc", "proc", 0, NULL)'
)


def test_json_has_one_line_of_message_and_the_facts_by_name(tmp_path: Path) -> None:
    """Keys that engines know come first, as other runtimes write them."""
    log = Log(str(tmp_path / "log"), "json")
    log.error(MESSAGE)
    closed(log)
    text = (tmp_path / "log").read_text()
    assert text.startswith('{"level":"error","msg":"can\'t mount proc on /proc: operation not permitted (EPERM); step:')
    told = json.loads(text)
    assert list(told)[:3] == ["level", "msg", "time"] and told["msg"] == WHAT_AND_WHERE
    assert {name: told[name] for name in told if name not in ("level", "msg", "time", "step")} == {
        "call": 'mount("proc", "/proc", "proc", 0, NULL)',
        "cure": "not this;  but that",
        "errno": "EPERM",
        "see": "mount(2)",
        "where": "/mounts/0",
    }


def test_text_has_the_same(tmp_path: Path) -> None:
    log = Log(str(tmp_path / "log"))
    log.error(MESSAGE)
    closed(log)
    (line,) = (tmp_path / "log").read_text().splitlines()
    assert f" level=error msg={json.dumps(WHAT_AND_WHERE)} " in line and ' errno="EPERM"' in line


@pytest.mark.parametrize(
    ("message", "where", "msg"),
    [
        (
            "config.json: /process/cwd: found 'x'\n  allowed: an absolute path",
            "/process/cwd",
            "allowed: an absolute path",
        ),
        ("container does not exist: x\n  cure:  minirun list", "", "container does not exist: x"),
        ("a: no\n  cure:  this\nb: no\n  cure:  that", "", "a: no; b: no"),
    ],
)
def test_other_messages(message: str, where: str, msg: str, tmp_path: Path) -> None:
    log = Log(str(tmp_path / "log"), "json")
    log.error(message)
    closed(log)
    told = json.loads((tmp_path / "log").read_text())
    assert told["msg"].endswith(msg) and told.get("where", "") == where and "errno" not in told


def test_a_pipe_gets_one_line_with_all_and_a_terminal_several(capfd: pytest.CaptureFixture[str]) -> None:
    Log().error(MESSAGE)
    assert capfd.readouterr().err == f"minirun: {WHAT_AND_WHERE}; cure: not this;  but that; see: mount(2)\n"
    log = Log()
    log.has_reader = True
    log.error(MESSAGE)
    assert capfd.readouterr().err == f"minirun: {MESSAGE}\n"


@pytest.mark.parametrize("style", ["text", "json"])
def test_without_a_target_debug_lines_go_to_stderr_in_the_same_format(
    style: str, capfd: pytest.CaptureFixture[str]
) -> None:
    log = Log(None, style, "debug")
    log.debug("step 1/2: mkdir", man="mkdir(2)")
    log.error("no")
    detail, error = capfd.readouterr().err.splitlines()
    if style == "json":
        assert json.loads(detail)["level"] == "debug" and json.loads(detail)["msg"] == "step 1/2: mkdir  [mkdir(2)]"
        assert json.loads(error)["level"] == "error"
    else:
        assert detail.startswith('time="') and detail.endswith(' level=debug msg="step 1/2: mkdir  [mkdir(2)]"')
        assert error == "minirun: no"
