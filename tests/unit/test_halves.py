"""minirun/quick_json.py, kernel/ctypes.py and kernel/signals.py do what Python's json, ctypes and signal do, in each
Python that is here, and also where the halves in C that they use are not there."""

from __future__ import annotations

import json
import math
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from minirun import quick_json
from minirun.kernel import signals

REPOSITORY = Path(__file__).parents[2]

# ---- JSON

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=30)


@given(VALUES, st.sampled_from([None, 0, 2, "\t"]))
@example({"a": [], "b": {}, "c": [[{"d": ()}]]}, 2)
@example([math.inf, -math.inf], None)
def test_json_is_written_alike(value: object, indent: int | str | None) -> None:
    separators = (",", ":" if indent is None else ": ")
    assert quick_json.dumps(value, indent) == json.dumps(value, indent=indent, separators=separators)


@given(VALUES, st.text(" \t\r\n", max_size=3))
def test_json_is_read_alike(value: object, space: str) -> None:
    text = space + json.dumps(value) + space
    assert quick_json.loads(text) == quick_json.loads(text.encode()) == value


@given(st.text('{}[]",:0123456789.eE+-truefalsn \\uab\n\x0b\ufeff'))
@example("[1] 2")
@example("\x0b1")
@example("")
def test_what_is_no_json_is_the_same_error(text: str) -> None:
    assert outcome(quick_json.loads, text) == outcome(json.loads, text)


def outcome(loads: object, text: str) -> object:
    try:
        return repr(loads(text))  # type: ignore[operator]
    except ValueError as error:
        return type(error), str(error)


def test_what_json_has_nothing_for() -> None:
    with pytest.raises(TypeError, match="JSON has nothing for b'x'"):
        quick_json.dumps([b"x"])


# ---- signals


@pytest.mark.parametrize("number", range(1, 65))
def test_signals_have_their_names(number: int) -> None:
    try:
        usual = signal.Signals(number).name
    except ValueError:
        usual = f"SIGRTMIN+{number - signal.SIGRTMIN}"
    assert signals.name(number) == usual


def test_names_have_their_signals() -> None:
    assert signals.numbers() == {name: int(number) for name, number in signal.Signals.__members__.items()}


# ---- each Python, with its halves in C and without

ITSELF = "import sys; print(sys.executable)"
PYTHONS = sorted(
    {
        asked.stdout.strip()
        for name in (sys.executable, "/usr/bin/python3", "python3.11", "python3.12", "python3.13")
        if (found := shutil.which(name))
        and (asked := subprocess.run([found, "-c", ITSELF], capture_output=True, text=True)).returncode == 0
    }
)

SAME = """
import sys
sys.path.insert(0, sys.argv[1])
for name in sys.argv[2:]:
    sys.modules[name] = None  # an ImportError for whoever wants it
from minirun import quick_json
from minirun.kernel import libc, processes, signals, sockets
from minirun.kernel.ctypes import CDLL, PyDLL, Structure, byref, c_char, c_int, c_uint64, create_string_buffer, sizeof

assert quick_json.loads(quick_json.dumps({"a": [1.5, None]}, 2)) == {"a": [1.5, None]}
assert signals.name(9) == "SIGKILL" and signals.SIGCHLD == 17 and signals.NSIG == 65

class Pair(Structure):
    _fields_ = [("name", c_char * 6), ("number", c_uint64)]

assert sizeof(Pair) == 16 and Pair(b"kernel", 2**64 - 1).number == 2**64 - 1
assert create_string_buffer(b"text").raw == b"text\\0" and len(create_string_buffer(7)) == 7
number = c_int(-1)
assert CDLL(None).getpid() == PyDLL(None).getpid() and CDLL(None).sscanf(b"23", b"%d", byref(number)) == 1
assert number.value == 23

assert processes.capget()[0] >= 0
try:
    libc.call("chdir", b"/nowhere", shown=lambda: "chdir")
except OSError as error:
    assert error.errno == 2
here, there = sockets.MessageSocket.pair()
here.send(b"with", (1, 2))
message, descriptors, _ = there.receive()
assert (message, len(descriptors)) == (b"with", 2)
print("ctypes" in sys.modules, "json" in sys.modules, "enum" in sys.modules)
try:
    quick_json.loads("{7}")
except ValueError as error:
    assert str(error) == "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"
"""


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ((), "False False False"),
        (("minirun.kernel.half_of_ctypes",), "True False False"),
        (("_json",), "False True True"),
    ],
    ids=["halves", "no half of ctypes", "no half of json"],
)
def test_each_python(python: str, missing: tuple[str, ...], told: str) -> None:
    command = [python, "-I", "-S", "-c", SAME, REPOSITORY, *missing]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stderr, done.stdout.strip()) == ("", told)
