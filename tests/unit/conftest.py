"""No test fails because a machine is slow: hypothesis would fail an example that takes longer than 0.2 s. And a browser
for the tests of pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from browser import Browser
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    one = Browser(tmp_path / "profile")
    try:
        yield one
    finally:
        one.end()
