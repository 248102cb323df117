"""A bundle that has no root directory of its own but an entry in `mounts`: an overlay on /, over layers of the store.

So the plan has a step more, and everybody can read in config.json what it is. What the container changes is in the
bundle, in changes/upper; the layers are everybody's.
"""

from __future__ import annotations

import hashlib
import os

from .. import quick_json
from ..kernel import files, overlay
from ..kernel.libc import SystemCallError
from .bundle_config import write_config
from .errors import ImageError
from .overlay import copy_attributes, layer_directories, overlay_options, unpack_layers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .fetch import Image
    from .namespaces import Range
    from .store import Store

CHANGES, UPPER, WORK = "changes", "changes/upper", "changes/work"


def fill_overlay(
    store: Store, image: Image, path: str, most: int, ranges: dict[str, tuple[Range, ...]] | None
) -> list[str]:
    """In a mount namespace of its own. Raises ImageError."""
    directories = layer_directories(store, image)
    for name in (CHANGES, UPPER, WORK):
        os.mkdir(f"{path}/{name}", 0o700)
    os.chmod(f"{path}/{UPPER}", 0o755)
    options = overlay_options(directories, f"{path}/{UPPER}", f"{path}/{WORK}", ranges is not None)
    check_length(options)
    add_user(store, path, directories)
    notes = unpack_layers(store, image, most, ranges is not None)
    if directories:
        copy_attributes(directories[-1], f"{path}/{UPPER}")
    return [*notes, *write_config(image, path, seen_root(path, options), ranges, (overlay_mount(options),))]


def check_length(options: list[str]) -> None:
    told = overlay.shortened(",".join(options))[1]
    if not overlay.is_short(told) or any("," in option for option in options):
        raise ImageError(
            "the layers are too many for one mount, or their paths are too long, or have commas\n"
            "  cure:  a store with a shorter path: --store; or a bundle with a root directory: without --overlay"
        )


def overlay_mount(options: list[str]) -> dict[str, Any]:
    return {"destination": "/", "type": "overlay", "source": "overlay", "options": options}


def seen_root(path: str, options: list[str]) -> str:
    """What the container will see, mounted here for a moment: the namespace ends with its process."""
    try:
        overlay.mount(f"{path}/rootfs", 0, ",".join(options))
    except SystemCallError as error:
        raise ImageError(
            f"the layers can't be mounted as one: {error}\n"
            "  cure:  without --overlay; dmesg says what overlayfs has against them. A user needs Linux 5.11"
        ) from None
    return f"{path}/rootfs"


def add_user(store: Store, path: str, directories: list[str]) -> None:
    """Before the layers are there, so that they are not tidied away."""
    name = hashlib.sha256(path.encode(errors="surrogateescape")).hexdigest()
    text = quick_json.dumps({"bundle": path, "layers": [os.path.basename(one) for one in directories]})
    files.replace_file(f"{store.path}/users/{name}", text.encode(), 0o600)
