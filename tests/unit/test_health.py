"""Health checks: where a check comes from, and what the answers make of a container."""

from __future__ import annotations

import pytest

from minirun.errors import StateError
from minirun.metrics.health import HEALTHY, STARTING, UNHEALTHY, Course, HealthCheck, health_check
from minirun.metrics.watching import news

CMD = {"org.minirun.health.test": '["CMD", "prog", "-f", "a b"]'}
DEFAULTS = HealthCheck(("prog", "-f", "a b"), 30.0, 30.0, 0.0, 5.0, 3)


def test_what_an_image_says() -> None:
    told = {
        "interval": "1m30s",
        "timeout": "500ms",
        "start-period": "30000000000ns",
        "start-interval": "2",
        "retries": "7",
    }
    annotations = CMD | {f"org.minirun.health.{name}": value for name, value in told.items()}
    assert health_check(annotations) == HealthCheck(("prog", "-f", "a b"), 90.0, 0.5, 30.0, 2.0, 7)
    assert health_check(CMD) == DEFAULTS


def test_0_is_what_is_meant_where_nothing_is_said() -> None:
    zeros = {f"org.minirun.health.{name}": "0" for name in ("interval", "timeout", "start-period", "retries")}
    assert health_check(CMD | zeros | {"org.minirun.health.start-interval": "0ns"}) == DEFAULTS


def test_a_line_is_for_the_shell_in_the_container() -> None:
    found = health_check({"org.minirun.health.test": '["CMD-SHELL", "a || exit 1"]'})
    assert found.args == ("/bin/sh", "-c", "a || exit 1")


def test_the_command_line_counts_more() -> None:
    annotations = CMD | {"org.minirun.health.interval": "7s", "org.minirun.health.retries": "x"}
    found = health_check(annotations, ("other",), {"interval": "2s", "retries": "1", "timeout": None})
    assert found == HealthCheck(("other",), interval=2.0, retries=1)


@pytest.mark.parametrize("test", [None, "", "[]", '["NONE"]'])
def test_no_check(test: str | None) -> None:
    annotations = {} if test is None else {"org.minirun.health.test": test}
    with pytest.raises(StateError, match="has no health check") as told:
        health_check(annotations)
    assert "minirun health ID -- PROGRAM" in told.value.cure


@pytest.mark.parametrize(
    "test", ["7", "null", "{}", "x", '["prog"]', '["CMD"]', '["CMD-SHELL", "a", "b"]', "[7]", "[" * 99999, "\udcff"]
)
def test_a_check_that_makes_no_sense(test: str) -> None:
    with pytest.raises(StateError, match=r"annotation org.minirun.health.test: found .*\n  allowed:"):
        health_check({"org.minirun.health.test": test})


@pytest.mark.parametrize("word", ["soon", "-1", "9" * 400, "1d"])
@pytest.mark.parametrize("name", ["interval", "timeout", "start-period", "retries"])
def test_a_number_that_makes_no_sense(name: str, word: str) -> None:
    with pytest.raises(StateError, match=f"annotation org.minirun.health.{name}: found .*\n  allowed:"):
        health_check(CMD | {f"org.minirun.health.{name}": word})
    with pytest.raises(StateError, match=f"--{name}: found .*\n  allowed:"):
        health_check(CMD, (), {name.replace("-", "_"): word})


def course(answers: str, **how: float) -> list[str]:
    """What becomes of it, one answer a second: + and -."""
    one = Course(HealthCheck(("prog",), **{"retries": 2, **how}))  # type: ignore[arg-type]
    return [one.note(answer == "+", age) for age, answer in enumerate(answers)]


def test_so_many_failures_in_a_row_are_unhealthy_and_one_success_is_healthy() -> None:
    s, h, u = STARTING, HEALTHY, UNHEALTHY
    assert course("-+-+--+") == [s, h, h, h, h, u, h]
    assert course("---") == [s, u, u]


def test_while_it_starts_a_failure_does_not_count() -> None:
    s, h, u = STARTING, HEALTHY, UNHEALTHY
    assert course("-----", start_period=3) == [s, s, s, s, u]
    assert course("-+--", start_period=99) == [s, h, h, u], "the first success ends the start"


def test_it_is_asked_more_often_while_it_starts() -> None:
    one = Course(HealthCheck(("prog",), interval=30, start_interval=5, start_period=60))
    assert (one.pause(59), one.pause(61)) == (5, 30)
    one.note(True, 1)
    assert one.pause(2) == 30


def test_what_a_service_manager_hears() -> None:
    assert news(STARTING, False, False) == []
    assert news(HEALTHY, True, False) == ["STATUS=healthy", "READY=1", "WATCHDOG=1"]
    assert news(HEALTHY, False, True) == ["WATCHDOG=1"]
    assert news(UNHEALTHY, True, True) == ["STATUS=unhealthy"]
    assert news(UNHEALTHY, False, True) == []
