"""The line of config.json in which a value stands."""

from __future__ import annotations

import json
from itertools import cycle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minirun.errors import ConfigError, MinirunError
from minirun.spec.lines import lines, located
from minirun.spec.reader import escape

TEXT = b"""{
  "mounts": [
    {"destination": "/a", "options": ["ro",
                                      "b}"]},
    {"destination": "/b",
     "type": 7}
  ],
  "root": {"path": 1},
  "a/b~": 5, "\\u006c\\"]": [
    [],
    [[], 8]
  ],
  "root":
    {"readonly": 5}
}
"""


@pytest.mark.parametrize(
    ("pointer", "line"),
    [
        ("/mounts", 2),
        ("/mounts/0", 3),
        ("/mounts/0/options/1", 4),
        ("/mounts/1/destination", 5),
        ("/mounts/1/type", 6),
        ("/a~1b~0", 9),
        ('/l"]', 9),
        ('/l"]/1', 11),
        ('/l"]/1/1', 11),
        ("/root", 14),
        ("/root/readonly", 14),
    ],
)
def test_a_value_is_in_the_line_where_it_begins(pointer: str, line: int) -> None:
    assert lines(TEXT, [pointer]) == {pointer: line}


@pytest.mark.parametrize(("pointer", "line"), [("/root/path", 14), ("/mounts/1/source", 5), ("/mounts/0/x/y", 3)])
def test_what_is_missing_is_missing_where_its_holder_begins(pointer: str, line: int) -> None:
    """The first /root has a path, but it is the second one that counts."""
    assert lines(TEXT, [pointer]) == {pointer: line}


@pytest.mark.parametrize("pointer", ["", "/process", "/process/args"])
def test_the_top_level_is_no_line(pointer: str) -> None:
    assert lines(TEXT, [pointer]) == {}


def test_a_text_of_one_line_has_no_lines() -> None:
    assert lines(b'\n{"a": 5}\n', ["/a"]) == {}


def test_a_deep_text_is_gone_through() -> None:
    assert lines(b'[\n{"a":' * 2000 + b"1" + b"}]" * 2000, ["/0/a" * 2000])["/0/a" * 2000] == 2001


def test_an_error_says_it_behind_the_pointer_and_survives_a_trip() -> None:
    error = located(ConfigError("/mounts/1/type", "found 7", "a string"), TEXT)
    assert str(error) == "config.json: /mounts/1/type (line 6): found 7\n  allowed: a string"
    again = ConfigError.from_json(json.loads(json.dumps(error.to_json())))
    assert (again.pointer, again.number, str(again)) == (error.pointer, 6, str(error))
    assert isinstance(again, MinirunError)


# ---- any text

names = st.text(max_size=3) | st.sampled_from(["a", "b", "/", "~", '"', "\\", "}", ",", "\n"])
scalars = st.none() | st.booleans() | st.integers() | names
blank = st.text(alphabet=" \t\n\r", max_size=2)
json_values = st.recursive(scalars, lambda some: st.lists(some) | st.lists(st.tuples(names, some), min_size=1))


class Writer:
    """Writes a value, and notes where each begins; of an object's pairs some have the same name."""

    def __init__(self, blanks: list[str]) -> None:
        self.text, self.begins, self.blanks = blanks[0], dict[str, int](), cycle(blanks)

    def put(self, word: str) -> None:
        self.text += word + next(self.blanks)

    def write(self, value: Any, pointer: str = "") -> None:
        self.begins = {one: at for one, at in self.begins.items() if not f"{one}/".startswith(f"{pointer}/")}
        self.begins[pointer] = self.text.count("\n") + 1
        if not isinstance(value, list):
            return self.put(json.dumps(value))
        is_object = bool(value) and all(isinstance(one, tuple) for one in value)
        self.put("{" if is_object else "[")
        for index, one in enumerate(value):
            if index:
                self.put(",")
            if is_object:
                self.put(json.dumps(one[0]))
                self.put(":")
            key = escape(one[0]) if is_object else str(index)
            self.write(one[1] if is_object else one if not isinstance(one, tuple) else list(one), f"{pointer}/{key}")
        return self.put("}" if is_object else "]")


@given(json_values, st.lists(blank, min_size=1))
def test_of_any_text_every_line_is_right(value: Any, blanks: list[str]) -> None:
    writer = Writer(blanks)
    writer.write(value)
    wanted = {pointer: line for pointer, line in writer.begins.items() if pointer}
    json.loads(writer.text)
    assert lines(writer.text.encode(errors="surrogatepass"), wanted) == (wanted if "\n" in writer.text.strip() else {})
