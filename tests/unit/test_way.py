"""Where `run --step` asks next."""

from __future__ import annotations

import pytest

from minirun.plan.container import plan
from minirun.plan.options import Options
from minirun.spec.default import default
from minirun.spec.load import parse
from minirun.teach.explanation import tell
from minirun.teach.way import NEVER, Way

STEPS = plan(parse(default(False, 0, 0)), Options(id="way", bundle="/b"))


@pytest.fixture
def way() -> Way:
    made = Way()
    made.steps = [tell(number, step) for number, step in enumerate(STEPS, start=1)]
    return made


def test_it_asks_at_each_step_until_it_is_told_otherwise(way: Way) -> None:
    assert all(way.asks_at(index) for index in range(len(STEPS)))
    way.go_to(9)
    assert [way.asks_at(index) for index in (7, 8, 9, 10)] == [False, False, True, True]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [("g 54", "54"), ("g54", "54"), ("/pivot", "bind the root"), ("/setsid(2)", "session"), ("/Hostname", "host name")],
)
def test_a_goal(way: Way, answer: str, expected: str) -> None:
    goal = way.goal(answer, 3)
    assert goal is not None
    told = way.steps[goal]
    assert expected in f"{told.number} {told.sentence} {' '.join(told.calls)}"


def test_the_next_chapter_has_another_name(way: Way) -> None:
    goal = way.goal("n", 1)
    assert goal is not None and goal > 1
    assert way.steps[goal].chapter != way.steps[1].chapter == way.steps[goal - 1].chapter


def test_c_is_never_and_a_word_that_means_nothing_is_no_goal(way: Way) -> None:
    assert way.goal("c", 0) == NEVER
    assert [way.goal(answer, 0) for answer in ("?", "g", "g x", "/", "what", "go 5")] == [None] * 6


@pytest.mark.parametrize("answer", ["g 3", "g 4", "g 0", "g 999", "/no such word"])
def test_there_is_no_way_back_and_none_to_nowhere(way: Way, answer: str) -> None:
    with pytest.raises(ValueError, match=r"any more|no later step"):
        way.goal(answer, 3)


def test_behind_the_last_chapter_there_is_none(way: Way) -> None:
    with pytest.raises(ValueError, match="last chapter"):
        way.goal("n", len(STEPS) - 1)
