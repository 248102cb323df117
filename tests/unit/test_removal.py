"""Removing trees: what fails, fails by its own error."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from minirun.images.removal import DIRECTORY_FLAGS, step_to
from minirun.kernel.libc import SystemCallError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_directory_that_is_gone_leaves_the_one_before_open(tmp_path: Path) -> None:
    """Whoever steps there closes it in the end, and closed twice it would be another file's descriptor."""
    here = os.open(tmp_path, DIRECTORY_FLAGS)
    with pytest.raises(SystemCallError):
        step_to(here, "gone")
    os.fstat(here)
    (tmp_path / "there").mkdir()
    below = step_to(here, "there")
    assert os.readlink(f"/proc/self/fd/{below}") == str(tmp_path / "there")
    os.close(below)
