"""The layers of an image -> a root directory, one after the other, the lowest first."""

from __future__ import annotations

import os

from ..kernel import files
from ..record import Record
from .attributes import Notes
from .digests import check_form
from .errors import ImageError
from .layer import Changed, apply_layer
from .streams import Tap, decompressed
from .tree import Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .descriptors import Descriptor
    from .fetch import Image
    from .store import Store

MOST_BYTES = 64 << 30  # of an image, decompressed, unless the caller allows more


class Unpacked(Record):
    layers: tuple[Changed, ...]
    notes: tuple[str, ...]


def unpack(store: Store, image: Image, rootfs: str, most: int = MOST_BYTES) -> Unpacked:
    """`rootfs` is an empty directory. Raises ImageError."""
    notes, done, left = Notes(), [], most
    with Tree(rootfs) as tree:
        begin_root(tree)
        for layer, diff_id in zip(image.manifest.layers, image.diff_ids):
            changed, length = unpack_layer(store, layer, diff_id, tree, notes, left)
            done.append(changed)
            left -= length
    return Unpacked(tuple(done), tuple(notes.lines()))


def begin_root(tree: Tree) -> None:
    """What no layer says about the root directory."""
    os.chmod(files.by_descriptor(tree.root), 0o755)


def unpack_layer(
    store: Store, layer: Descriptor, diff_id: str, tree: Tree, notes: Notes, most: int
) -> tuple[Changed, int]:
    """What it has done, and how many bytes it has without compression."""
    with store.open_blob(layer.digest) as file:
        algorithm = check_form(diff_id).partition(":")[0]
        tap = Tap(decompressed(file), most, algorithm)
        changed = apply_layer(tree, tap, notes)
        if tap.digest() != diff_id:
            raise ImageError(
                f"the layer {layer.digest} is not what the image's configuration says\n"
                f"  wanted: {diff_id}\n  found: {tap.digest()}"
            )
        return changed, tap.place
