"""How the changes of a container are walked through that may be changing them: never out of its directory."""

from __future__ import annotations

import os
import shutil
import tarfile
from typing import TYPE_CHECKING

import pytest

from minirun.images import changes
from minirun.images.changes import Where, walk
from minirun.images.changes_tar import add_change
from minirun.images.errors import ImageError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def upper(tmp_path: Path) -> Path:
    (tmp_path / "bundle/upper/a/b/c").mkdir(parents=True)
    for name in ("upper/z", "upper/a/z", "upper/a/b/z"):
        (tmp_path / "bundle" / name).write_text("inside")
    for name in ("z", "bundle/z"):
        (tmp_path / name).write_text("outside")
    return tmp_path / "bundle/upper"


def test_in_the_order_of_the_paths(upper: Path) -> None:
    found = [(one.kind, one.path) for one in walk(Where(str(upper), (), "user.overlay."))]
    assert found == [("C", "/"), *(("A", path) for path in ("/a", "/a/b", "/a/b/c", "/a/b/z", "/a/z", "/z"))]


@pytest.mark.parametrize("place", ["moved", "../moved", "../../moved"])
def test_a_directory_that_is_moved_leads_nowhere_else(upper: Path, place: str) -> None:
    """As overlayfs itself does with what is removed: it moves it to its working directory, first."""
    walking = walk(Where(str(upper), (), "user.overlay."))
    assert [next(walking).path for _ in range(4)] == ["/", "/a", "/a/b", "/a/b/c"]
    shutil.move(upper / "a/b", upper / place)
    assert next(walking).path == "/a/b/z"
    with pytest.raises(ImageError, match=r"(?s)moves directories .* cure: .*minirun pause"):
        next(walking)


def test_a_walk_that_ends_by_an_error_leaves_nothing_open(upper: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "MOST_BYTES_OF_PATH", len("/a/b"))
    before = os.listdir("/proc/self/fd")
    with pytest.raises(ImageError, match="deeper than a path is long"):
        list(walk(Where(str(upper), (), "user.overlay.")))
    assert os.listdir("/proc/self/fd") == before


def test_what_goes_meanwhile_is_passed_by(upper: Path) -> None:
    seen = []
    for change in walk(Where(str(upper), (), "user.overlay.")):
        seen.append(change.path)
        if change.path == "/a":
            shutil.rmtree(upper / "a")
            (upper / "z").unlink()
    assert seen == ["/", "/a"]


def test_a_fifo_in_the_place_of_a_file_is_not_waited_for(upper: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "layer.tar", "w") as archive:
        where = Where(str(upper), (), "user.overlay.")
        for change in walk(where):
            if change.path == "/z":
                (upper / "z").unlink()
                os.mkfifo(upper / "z")
                with pytest.raises(ImageError, match=r"(?s)exchanges '/z' .* cure: .*minirun pause"):
                    add_change(archive, where, change, {})
                return
    pytest.fail("it was not found")
