"""What a layer has minirun keep in mind: not more than there is memory, and nothing of what is gone."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from kernel.kit.images import entry, tar

from minirun.images import tar_entries, tree
from minirun.images.attributes import Notes
from minirun.images.errors import ImageError
from minirun.images.layer import apply_layer
from minirun.images.streams import Tap

if TYPE_CHECKING:
    from pathlib import Path


def apply(place: Path, layer: bytes) -> None:
    with tree.Tree(str(place)) as root:
        apply_layer(root, Tap(io.BytesIO(layer), 1 << 30), Notes())


def test_more_entries_than_a_layer_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where all of them are one file."""
    monkeypatch.setattr(tar_entries, "MOST_ENTRIES", 10)
    apply(tmp_path, tar(entry("x", "x") for _ in range(10)))
    with pytest.raises(ImageError, match=r"(?s)more than 10 entries.* cure: .*several layers"):
        apply(tmp_path, tar(entry("x", "x") for _ in range(11)))


@pytest.mark.parametrize("name", ["{}/x", "d{}", ".wh.{}"])
def test_paths_are_counted_by_what_they_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Of an entry that a layer takes away, none is kept."""
    monkeypatch.setattr(tree, "MOST_BYTES_OF_PATHS", 100_000)
    layer = tar(entry(name.format(f"{number}".ljust(100, "-")), "") for number in range(1000))
    if name.startswith(".wh."):
        apply(tmp_path, layer)
    else:
        with pytest.raises(ImageError, match=r"(?s)100000 bytes of memory.* cure: .*several layers"):
            apply(tmp_path, layer)


def test_directories_between_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One entry can be of a thousand directories, each with a path of its own."""
    monkeypatch.setattr(tree, "MOST_BYTES_OF_PATHS", 100_000)
    with pytest.raises(ImageError, match="100000 bytes of memory"):
        apply(tmp_path, tar([entry("/".join(["d"] * 1000), "x")]))


def test_the_next_layer_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "MOST_BYTES_OF_PATHS", 100_000)
    layer = tar(entry(f"{number}", "") for number in range(300))
    with tree.Tree(str(tmp_path)) as root:
        for _ in range(5):
            apply_layer(root, Tap(io.BytesIO(layer), 1 << 30), Notes())


def test_a_time_is_for_the_directory_that_it_was_told_of(tmp_path: Path) -> None:
    """Not for another that comes into its place, of which the layer says nothing."""
    first = [entry("a"), entry("a/b", mtime=1000), entry("c", mtime=1000), entry("c/d", "x")]
    apply(tmp_path, tar([*first, entry("a", "in its place"), entry("a"), entry("a/b/c", "x")]))
    assert (tmp_path / "c").stat().st_mtime == 1000
    assert (tmp_path / "a/b").stat().st_mtime > 1_700_000_000
