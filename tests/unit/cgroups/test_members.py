"""The processes of a cgroup, on directories that look like those of the kernel."""

from __future__ import annotations

import os
from errno import EOPNOTSUPP
from pathlib import Path

import pytest

from minirun.cgroups import members, tree
from minirun.kernel import files
from minirun.kernel.libc import SystemCallError


@pytest.fixture(autouse=True)
def _no_cgroup2_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cgroup.stat").write_text("nr_descendants 2\nnr_dying_descendants 0\n")
    monkeypatch.setattr(tree, "open_cgroup", lambda path: files.open(path, tree.DIRECTORY))


def test_those_below_are_among_them(tmp_path: Path) -> None:
    (tmp_path / "cgroup.procs").write_text("12\n7\n")
    (tmp_path / "below" / "deeper").mkdir(parents=True)
    (tmp_path / "below" / "cgroup.procs").write_text("")
    (tmp_path / "below" / "deeper" / "cgroup.procs").write_text("9\n")
    assert members.pids(str(tmp_path)) == [7, 9, 12]


def test_a_cgroup_that_is_gone_has_none(tmp_path: Path) -> None:
    (tmp_path / "just removed").mkdir()
    assert members.pids(str(tmp_path / "gone")) == members.pids(str(tmp_path)) == []
    assert members.pids(str(tmp_path / "gone" / "with its parent")) == []
    assert not members.is_populated(str(tmp_path / "gone"))


def test_a_cgroup_that_is_made_anew_is_another(tmp_path: Path) -> None:
    inode = tmp_path.stat().st_ino
    assert not members.is_another(str(tmp_path), inode) and members.is_another(str(tmp_path), inode + 1)
    assert not members.is_another(str(tmp_path), 0) and not members.is_another(str(tmp_path / "gone"), inode)


def test_a_process_of_another_pid_namespace_is_not_the_callers_group(tmp_path: Path) -> None:
    """The kernel shows it as 0, which kill(2) takes for every process of the group."""
    (tmp_path / "cgroup.procs").write_text("0\n12\n0\n")
    assert members.pids(str(tmp_path)) == [12]


def test_a_threaded_cgroup_does_not_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "threaded").mkdir()

    def read(_directory: int, path: str) -> str:
        if path == "threaded/cgroup.procs":
            raise SystemCallError(EOPNOTSUPP, "read", path)
        return f"{os.getpid()}\n"

    monkeypatch.setattr(members.files, "read_file_at", read)
    assert members.pids(str(tmp_path)) == [os.getpid()]
