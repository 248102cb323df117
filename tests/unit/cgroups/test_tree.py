"""From cgroup to cgroup, on ordinary directories: deeper than Python calls, longer than a path, changed by others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from minirun.cgroups import tree
from minirun.cgroups.hierarchy import is_out_of_sight, open_cgroup
from minirun.kernel import files
from minirun.kernel.libc import SystemCallError


@pytest.fixture(autouse=True)
def _no_cgroup2_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "open_cgroup", lambda path: files.open(path, tree.DIRECTORY))


def dig(place: Path, name: str, depth: int) -> None:
    """Directories below each other, whatever the length of it all."""
    current = os.open(place, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir(name, dir_fd=current)
        below = os.open(name, os.O_RDONLY, dir_fd=current)
        os.close(current)
        current = below
    os.close(current)


@pytest.mark.parametrize(("name", "depth"), [("x", 1200), ("x" * 250, 40)])
def test_no_depth_and_no_length_is_too_much(tmp_path: Path, name: str, depth: int) -> None:
    """From below, so that each can be removed as it comes; and with no more descriptors for more of them."""
    (tmp_path / "web").mkdir()
    dig(tmp_path / "web", name, depth)
    opened, told = len(os.listdir("/proc/self/fd")), []
    for directory, found in tree.walk(str(tmp_path / "web")):
        assert len(told) % 500 or len(os.listdir("/proc/self/fd")) == opened + 1
        os.rmdir(found, dir_fd=directory)
        told.append(found)
    assert told == [name] * depth + ["web"]
    assert len(os.listdir("/proc/self/fd")) == opened and list(tmp_path.iterdir()) == []


def test_each_is_told_once_and_after_those_below_it(tmp_path: Path) -> None:
    for place in ("web/a/c", "web/a/d", "web/b", "other"):
        (tmp_path / place).mkdir(parents=True)
    (tmp_path / "web" / "cgroup.procs").touch()
    told = [found for _directory, found in tree.walk(str(tmp_path / "web"))]
    assert sorted(told) == ["a", "b", "c", "d", "web"] and told[-1] == "web"
    assert told.index("a") > max(told.index("c"), told.index("d"))


def test_what_goes_meanwhile_is_no_error(tmp_path: Path) -> None:
    for place in ("web/a/a", "web/b/b", "web/c/c"):
        (tmp_path / place).mkdir(parents=True)
    told = []
    for _directory, found in tree.walk(str(tmp_path / "web")):
        if not told:
            for other in {"a", "b", "c"} - {found}:
                (tmp_path / "web" / other / other).rmdir()
                (tmp_path / "web" / other).rmdir()
        told.append(found)
    assert sorted(told) == ["a", "b", "c", "web"] or len(told) == 5
    assert list(tree.walk(str(tmp_path / "gone" / "web"))) == []


def test_a_tree_that_grows_for_ever_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "web" / "x").mkdir(parents=True)
    go = tree.Place.go

    def go_and_dig(place: tree.Place, name: str) -> bool:
        went = go(place, name)
        os.makedirs(f"/proc/self/fd/{place.descriptor}/x/x", exist_ok=True)
        return went

    monkeypatch.setattr(tree.Place, "go", go_and_dig)
    opened = len(os.listdir("/proc/self/fd"))
    (tmp_path / "web" / "cgroup.stat").write_text("nr_descendants 1\nnr_dying_descendants 0\n")
    monkeypatch.setattr(tree, "SOME", 100)
    with pytest.raises(tree.Restless):
        list(tree.walk_as_it_is(str(tmp_path / "web")))
    assert len(os.listdir("/proc/self/fd")) == opened
    monkeypatch.undo()
    monkeypatch.setattr(tree, "open_cgroup", lambda path: files.open(path, tree.DIRECTORY))
    (tmp_path / "web" / "cgroup.stat").unlink()
    for directory, found in tree.walk(str(tmp_path / "web")):
        os.rmdir(found, dir_fd=directory)


def test_a_directory_that_is_no_cgroup(tmp_path: Path) -> None:
    """Whatever the books say: nothing is looked for, killed or removed in it."""
    with pytest.raises(SystemCallError, match="Not a directory"):
        open_cgroup(str(tmp_path))
    assert is_out_of_sight(str(tmp_path)) and is_out_of_sight(str(tmp_path / "gone")) and is_out_of_sight("/")
