"""minirun/safe.py, and that every text goes through it on its way out: whatever stands in a config.json or on a command
line, a terminal gets nothing to obey (CVE-2003-0063), and no line that looks like minirun's own."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minirun.errors import ConfigError, MinirunError, StateError, StepError
from minirun.kernel.libc import show
from minirun.one_line import summary
from minirun.runtime.log import Log
from minirun.runtime.overview import list_containers
from minirun.safe import safe, safe_json, safe_lines
from minirun.steps.shell import below, quoted

REPOSITORY = Path(__file__).parents[2]
FORGED = "  cure:  evil"
# ESC and C0, C1 and DEL, line breaks of all kinds, marks that turn text around, and an ä that may stay.
HOSTILE = f"a\x1b]0;title\x07\x9b31m\x85\x7f\r\n{FORGED}\u2028\u202e\u2066\u200fä"
BYTES = os.fsencode(HOSTILE) + b"\x9b"  # half a character: no UTF-8


def is_safe(text: str) -> bool:
    lines = text.split("\n")
    return all(line.isprintable() for line in lines) and not any(line.startswith(FORGED) for line in lines)


@given(st.text(st.characters()))  # surrogates, too
def test_what_is_safe_is_printable_and_stays(text: str) -> None:
    assert safe(text).isprintable()
    safe(text).encode()  # which half a surrogate pair would not let it
    assert safe(safe(text)) == safe(text)
    assert safe_lines(text).count("\n") == text.count("\n")
    if text.isprintable():
        assert safe(text) == text


@given(st.text())
def test_json_says_the_same(text: str) -> None:
    told = safe_json(json.dumps({text: text}))
    assert told.isprintable() and json.loads(told) == {text: text}


# ---- errors


@pytest.mark.parametrize(
    "error",
    [
        ConfigError(f"/{HOSTILE}", f"found {HOSTILE}", HOSTILE),
        StepError(1, 2, HOSTILE, HOSTILE, HOSTILE, call=HOSTILE, cure=HOSTILE, manual=HOSTILE, document=HOSTILE),
        StateError(f"{HOSTILE!r}: {safe(HOSTILE)}"),
    ],
)
def test_no_error_moves_the_cursor(error: MinirunError, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert is_safe(str(error))
    text, engines = Log(str(tmp_path / "text"), "text"), Log(str(tmp_path / "json"), "json")
    text.error(str(error))
    engines.error(str(error))
    assert is_safe(capfd.readouterr().err)
    assert is_safe((tmp_path / "text").read_text())
    assert json.loads((tmp_path / "json").read_text())["msg"] == summary(str(error))


def test_minirun_breaks_its_own_lines() -> None:
    assert str(StateError("one\n  cure:  two")).splitlines() == ["one", "  cure:  two"]


def test_a_log_is_safe_whoever_writes_to_it(capfd: pytest.CaptureFixture[str]) -> None:
    log = Log(level="debug")
    log.debug(HOSTILE, place=HOSTILE)
    log.warning(HOSTILE.replace("\n", ""))
    assert is_safe(capfd.readouterr().err)


def test_a_call_is_as_c_has_it() -> None:
    assert show("open", 'a"\\\n\x1b[\x7f\x9b') == r'open("a\"\\\n\033[\177\302\233")'
    assert show("open", os.fsdecode(b"\x9b")) == r'open("\233")'


def test_a_table_has_a_row_for_each() -> None:
    states = [dict.fromkeys(("id", "pid", "status", "bundle", "created", "owner"), HOSTILE)]
    assert is_safe(list_containers(states, "table", quiet=False))
    assert len(list_containers(states, "table", quiet=False).splitlines()) == 2


@given(st.text(max_size=20).map(lambda text: text.replace("\0", "")))
def test_a_word_of_a_command_is_printable(word: str) -> None:
    assert quoted(word).isprintable() and below("rootfs", word).isprintable()


# ---- the whole program


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the hostile text wherever config.json takes any."""
    place = tmp_path_factory.mktemp("bundle")
    minirun("spec", "--bundle", str(place))
    made = json.loads((place / "config.json").read_text())
    made["process"] |= {"args": [f"/{HOSTILE}", HOSTILE], "env": [f"A={HOSTILE}"], "cwd": f"/{HOSTILE}"}
    made["annotations"] = {HOSTILE: HOSTILE}
    made["hostname"] = HOSTILE
    made["root"]["path"] = HOSTILE
    made["mounts"] += [{"destination": f"/{HOSTILE}", "source": HOSTILE, "type": "none", "options": ["bind"]}]
    made["hooks"] = {"prestart": [{"path": f"/{HOSTILE}", "args": [HOSTILE]}], "poststop": [{"path": f"/{HOSTILE}"}]}
    made["linux"] |= {"maskedPaths": [f"/{HOSTILE}"], "cgroupsPath": f"/{HOSTILE}"}
    made["process"]["capabilities"] = {"bounding": [f"CAP_{HOSTILE}"]}
    (place / "config.json").write_text(json.dumps(made | {HOSTILE: {HOSTILE: 1}}))
    return place


def minirun(*words: str | bytes, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), **variables}
    command = [sys.executable, "-m", "minirun", *words]
    return subprocess.run(command, capture_output=True, encoding="utf-8", env=environment, timeout=60, check=False)


FORMS = ["--format=text", "--verbose", "--script", "--format=markdown", "--format=svg", "--format=mermaid"]


@pytest.mark.parametrize("words", [["explain", form] for form in FORMS] + [["validate"], ["explain", "--without=all"]])
def test_what_is_printed_of_a_bundle_is_safe(bundle: Path, words: list[str]) -> None:
    told = minirun(*words, str(bundle), LC_ALL="C")
    assert told.stdout, told.stderr
    assert all(line.isprintable() for line in (told.stdout + told.stderr).split("\n"))


@pytest.mark.parametrize("words", [["explain", "--format=json"], ["validate", "--format=json"]])
def test_json_of_a_bundle_is_json(bundle: Path, words: list[str]) -> None:
    assert json.loads(minirun(*words, str(bundle)).stdout)


LINES: list[list[str | bytes]] = [
    [BYTES],
    [b"--" + BYTES],
    ["run", "--bundle", BYTES],
    ["run", "--config", BYTES],
    ["--log", b"/nowhere/" + BYTES, "state", "x"],
    ["--log-level", BYTES, "list"],
    ["--root", BYTES, "state", "x"],
    ["state", BYTES],
    ["kill", "x", BYTES],
    ["exec", "--process", b"/" + BYTES, "x"],
    ["events", "--interval", BYTES, "x"],
    ["update", "--resources", b"/" + BYTES, "x"],
    ["update", "--memory", BYTES, "x"],
    ["inspect", BYTES],
    ["spec", "--bundle", BYTES],
    ["completion", BYTES],
    ["delete", "--regex", b"(" + BYTES],
    ["explain", "--without", BYTES],
    ["explain", "--output", b"/nowhere/" + BYTES],
]


@pytest.mark.parametrize("words", LINES, ids=range(len(LINES)))
def test_an_argument_that_is_told_is_safe(tmp_path: Path, words: list[str | bytes]) -> None:
    told = minirun("--root", str(tmp_path), *words, LC_ALL="C", PYTHONIOENCODING="ascii")
    assert told.returncode not in (0, -6), told.stdout
    assert told.stderr and is_safe(told.stderr + told.stdout)


# ---- who puts a value into a message has it on its line

MESSAGES = {"StateError", "MinirunError", "warning"}


def formatted() -> list[tuple[str, ast.FormattedValue]]:
    found = []
    for path in sorted((REPOSITORY / "minirun").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in MESSAGES:
                found += [
                    (f"{path.name}:{one.lineno}", one) for one in ast.walk(node) if isinstance(one, ast.FormattedValue)
                ]
    return found


PATHS = {"path", "directory", "file", "where", "host", "root", "cwd", "program", "args", "filename", "text"}


def test_no_path_or_foreign_text_stands_in_a_message_as_it_is() -> None:
    """By !r, or by safe."""
    bare = [
        f"{place}: {{{ast.unparse(one.value)}}}"
        for place, one in formatted()
        if one.conversion != ord("r") and ast.unparse(one.value).rpartition(".")[2] in PATHS
    ]
    assert bare == []
