"""What the attacks share."""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING

import pytest

from kernel.escapes.kit import Attacked
from kernel.kit.life import Life

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from kernel.kit.bundle import Bundle
    from kernel.kit.runtime import Runtime


@pytest.fixture
def attacked(runtime: Runtime, request: pytest.FixtureRequest) -> Attacked:
    return Attacked(request.param, request.config.getoption("race_seconds"))


@pytest.fixture
def outside(place: Path) -> Path:
    """A directory of the host with something to steal and to spoil."""
    directory = place / "outside"
    (directory / "below").mkdir(parents=True)
    (directory / "secret").write_text("the host's secret")
    return directory


@pytest.fixture
def lives(attacked: Attacked, bundle: Callable[..., Bundle]) -> Iterator[Callable[..., Life]]:
    """Containers of the minirun under attack, whose program is the probe: `lives("sleep").started()`."""
    numbers = itertools.count()
    with contextlib.ExitStack() as ends:

        def make(*args: str) -> Life:
            one = Life(attacked, bundle(*(args or ("sleep",)), name=f"bundle{next(numbers)}"))
            ends.callback(one.end)
            return one

        yield make
