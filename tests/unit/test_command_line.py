"""minirun.cli: the quick reader and click read the same, and every mistake is told without a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minirun.cli import actions, commands, quick, values
from minirun.cli.actions import perform
from minirun.cli.table import COMMANDS, FLAG, GLOBAL, MANY, NUMBER, VERSION_FLAGS, Call
from minirun.errors import StateError

REPOSITORY = Path(__file__).parents[2]


def by_click(words: list[str]) -> Call | None:
    """What click reads out of the words; None where it objects."""
    calls: list[Call] = []

    def note(call: Call) -> int:
        calls.append(call)
        return 0

    try:
        commands.program(note).main(words, prog_name="minirun", standalone_mode=False)
    except click.ClickException:
        return None
    return calls[0] if calls else None


words = st.sampled_from(
    [
        *COMMANDS,
        *(flag for option in GLOBAL for flag in option.flags),
        *(flag for command in COMMANDS.values() for option in command.options for flag in option.flags),
        *(
            "--root=/r",
            "--id=x",
            "--log-format=json",
            "--preserve-fds=3",
            "--debug=1",
            "-b/x",
            "--ro",
            "--",
            "-",
            "--x",
        ),
        *("bundle", "3", "-3", "json", "", "a=b", "--help", "-h", "--version"),
    ]
)


@given(st.lists(words, max_size=6))
def test_the_quick_reader_reads_what_click_reads(line: list[str]) -> None:
    call = quick.read(line)
    if call is not None:
        assert by_click(line) == call


def test_the_quick_reader_takes_every_option_of_the_table() -> None:
    """Otherwise it could agree with click by taking nothing."""
    for command in COMMANDS.values():
        for option in (*GLOBAL, *command.options):
            value = {FLAG: [], NUMBER: ["3"]}.get(option.kind, [option.choices[0] if option.choices else "value"])
            words = [option.flags[0], *value]
            arguments = ["argument"] * command.required
            line = [*words, command.name] if option in GLOBAL else [command.name, *words]
            line += arguments
            call = quick.read(line)
            assert call is not None, line
            assert call.named[option.name] == {FLAG: True, NUMBER: 3, MANY: ("value",)}.get(
                option.kind, (value or [""])[0]
            )


def test_an_argument_that_may_be_given_many_times() -> None:
    for line, expected in ((["stats"], ()), (["stats", "a", "--json", "b"], ("a", "b"))):
        call = quick.read(line)
        assert call is not None and call.named["id"] == expected
        assert by_click(line) == call


@pytest.mark.parametrize(
    ("target", "bundle", "name", "expected"),
    [
        ("there", None, None, ("there", None)),  # holds a config.json
        ("there", None, "web", ("there", "web")),
        ("web", "/b", None, ("/b", "web")),
        (None, "/b", None, ("/b", None)),
        ("not/there", None, None, ("not/there", None)),  # an id has no slash
        ("web", None, None, ("web", None)),  # nothing here: the error is about a bundle of this name
        (None, None, None, (".", None)),
    ],
)
def test_target_is_a_bundle_or_an_id(
    target: str | None,
    bundle: str | None,
    name: str | None,
    expected: tuple[str, str | None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "config.json").touch()
    monkeypatch.chdir(tmp_path)
    assert values.which(target, bundle, name) == expected


def test_in_the_bundle_itself_target_is_an_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.json").touch()
    monkeypatch.chdir(tmp_path)
    assert values.which("web", None, None) == (".", "web")


def test_with_a_config_of_its_own_target_is_an_id_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert values.which("web", None, None, "other.json") == (".", "web")
    assert values.which("bundle/", None, None, "other.json") == ("bundle/", None)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a b", "ä", "a\0", "../x"])
def test_an_id_that_is_no_plain_name_is_refused(name: str) -> None:
    with pytest.raises(StateError, match="invalid container ID format"):
        actions.checked_id(name)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (["rnu"], "Did you mean run?"),
        (["strat"], "Did you mean stats or state or start?"),
        (["run", "--preserve-fds", "many", "x"], "--preserve-fds"),
        (["run", "a", "b"], "unexpected extra argument"),
        (["--log-format", "xml", "run"], "xml"),
        (["run", "/does/not/exist"], "/does/not/exist"),
        (["--log", "/does/not/exist", "run", "/does/not/exist"], "/does/not/exist"),
        (["spec", "--bundle", "/does/not/exist"], "/does/not/exist"),
        ([], "Usage"),
    ],
)
def test_a_mistake_is_told_on_stderr_with_status_1(line: list[str], expected: str) -> None:
    result = minirun(*line)
    assert (result.returncode, result.stdout) == (1, "")
    assert expected in result.stderr
    assert "Traceback" not in result.stderr


def test_help_begins_with_what_one_begins_with(capsys: pytest.CaptureFixture[str]) -> None:
    commands.program(perform).main(["--help"], prog_name="minirun", standalone_mode=False)
    listing = capsys.readouterr().out.partition("Commands:\n")[2]
    assert [line.split()[0] for line in listing.splitlines() if line[2] != " "] == list(COMMANDS)
    assert "..." not in listing


@pytest.mark.parametrize("line", [["--version"], ["--help"], ["run", "--help"], ["spec", "-h"]])
def test_a_question_is_answered_on_stdout(line: list[str]) -> None:
    result = minirun(*line)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout


def test_an_error_goes_to_the_log_file_in_one_json_object(tmp_path: Path) -> None:
    log = tmp_path / "log"
    minirun("--log", str(log), "--log-format", "json", "run", "/does/not/exist")
    import json

    told = json.loads(log.read_text())
    assert list(told)[:3] == ["level", "msg", "time"]
    assert "cure" in told
    assert told["level"] == "error"
    assert "/does/not/exist" in told["msg"]


def minirun(*words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "minirun", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, env=environment, check=False)


@pytest.mark.parametrize("line", [["run"], ["create", "web"], ["run", "--pid-file", "pid"], ["--root", "here", "list"]])
def test_a_current_directory_that_is_gone_is_told(line: list[str], tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    environment = {"PYTHONPATH": str(REPOSITORY), "PATH": os.environ["PATH"]}
    argv = ["sh", "-c", 'rmdir "$PWD"; exec "$0" -P -m minirun "$@"', sys.executable, *line]
    done = subprocess.run(argv, cwd=gone, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "current directory has been removed" in done.stderr


# ---- the version, which needs no click


@pytest.mark.parametrize("flag", VERSION_FLAGS)
@pytest.mark.parametrize("options", [[], ["--root", "/x", "--debug"], ["--root=/x"]], ids=" ".join)
def test_the_version_is_what_click_says(options: list[str], flag: str, capfd: pytest.CaptureFixture[str]) -> None:
    """In a process of its own, since the command line begins by putting right what the caller has made of that."""
    words = [*options, flag]
    assert quick.asks_for_version(words)
    assert commands.main(words, perform) == 0
    said = capfd.readouterr().out
    done = subprocess.run([sys.executable, "-m", "minirun", *words], cwd=REPOSITORY, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, said)
    assert [line.partition(" ")[0] for line in said.splitlines()] == ["minirun", "commit:", "spec:"]
    assert said.splitlines()[1].split()[1]  # docker info shows nothing else


@pytest.mark.parametrize(
    "words", [[], ["--root", "-v"], ["state", "-v"], ["--none", "-v"], ["-v", "state"]], ids=" ".join
)
def test_whatever_else_it_may_be_is_left_to_click(words: list[str]) -> None:
    assert not quick.asks_for_version(words)
