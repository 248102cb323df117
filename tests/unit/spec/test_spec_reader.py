"""What the errors of the reader look like."""

from __future__ import annotations

import pytest

from minirun.errors import ConfigError
from minirun.spec.reader import Node, escape, refuse_twice, shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (False, "false"),
        (None, "null"),
        (-5, "-5"),
        (1.5, "1.5"),
        ("a'b", '"a\'b"'),
        ("\x1b\n\u202e\ud800", r"'\x1b\n\u202e\ud800'"),
        ([1], "an array"),
        ([], "an empty array"),
        ({}, "an empty object"),
        ({"a": 1}, "an object"),
        ("a" * 78, "'" + "a" * 78 + "'"),
    ],
)
def test_shown(value: object, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize("value", ["a" * 1000, 10**1000, "\x1b" * 1000])
def test_long_values_are_cut(value: object) -> None:
    assert len(shown(value)) == 80
    assert shown(value).endswith("...") or isinstance(value, int)


@pytest.mark.parametrize(("key", "text"), [("a/b", "a~1b"), ("a~1", "a~01"), ("", ""), ("é", "é"), ("\x1b", r"\x1b")])
def test_escape(key: str, text: str) -> None:
    assert escape(key) == text


@pytest.mark.parametrize(
    ("low", "high", "allowed"),
    [
        (None, None, "a whole number"),
        (1, None, "a whole number, at least 1"),
        (None, 2, "a whole number, at most 2"),
        (1, 2, "a whole number, at least 1, at most 2"),
    ],
)
def test_integers_say_what_is_allowed(low: int | None, high: int | None, allowed: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Node("x", "/a").integer(low, high)
    assert caught.value.allowed == allowed


def test_the_second_one_is_to_blame() -> None:
    refuse_twice("/a", ["x", "y"])
    with pytest.raises(ConfigError) as caught:
        refuse_twice("/a", ["x", "y", "z", "y", "x"])
    assert caught.value.pointer == "/a/3/type"


@pytest.mark.parametrize(
    ("value", "hint"), [("64M", "; '64M' is 67108864"), ("64", "; '64' is 64"), ("much", ""), ([], ""), (True, "")]
)
def test_a_size_for_a_number_is_told_in_digits(value: object, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Node(value, "/limit").integer(0)
    assert caught.value.allowed == f"a whole number, at least 0{hint}"
