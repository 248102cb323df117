"""What the attacks share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kernel.escapes.kit import Attacked

if TYPE_CHECKING:
    from pathlib import Path

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
