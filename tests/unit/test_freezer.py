"""Processes that are to stand still, on a directory that looks like a cgroup whose processes don't."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from minirun.errors import StateError
from minirun.runtime import freezer
from minirun.runtime.books import Container

PAUSE = """
import sys
from minirun.runtime import freezer
from minirun.runtime.books import Container
freezer.PATIENCE = 1.0
freezer.freeze(Container("", {"cgroup": sys.argv[1]}))
"""


def test_who_ends_a_pause_half_way_leaves_nobody_frozen(tmp_path: Path) -> None:
    """Ctrl-C, for instance, because it takes so long."""
    make_cgroup(tmp_path)
    with subprocess.Popen([sys.executable, "-c", PAUSE, str(tmp_path)]) as pausing:
        while (tmp_path / "cgroup.freeze").read_text() != "1":
            time.sleep(0.01)
        pausing.send_signal(signal.SIGTERM)
    assert pausing.returncode == -signal.SIGTERM
    assert (tmp_path / "cgroup.freeze").read_text() == "0"


def test_a_cgroup_that_goes_is_a_container_that_has_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freezer, "PATIENCE", 0.01)
    monkeypatch.setattr(freezer, "MOMENT", 0.01)
    with pytest.raises(StateError, match="container not running"):
        freezer.freeze(Container("", {"cgroup": str(tmp_path / "gone")}))
    assert not freezer.wait_for(str(tmp_path / "gone"), b"frozen 1", 0.01)
    with freezer.Standstill(str(make_cgroup(tmp_path))):
        for file in tmp_path.iterdir():
            file.unlink()
        tmp_path.rmdir()


def make_cgroup(place: Path) -> Path:
    (place / "cgroup.freeze").write_text("0")
    (place / "cgroup.events").write_text("populated 1\nfrozen 0\n")
    return place
