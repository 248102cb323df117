"""An image in the store -> a bundle: a root directory, or a mount over the store's layers, and a config.json."""

from __future__ import annotations

import os

from ..errors import reason
from ..record import Record
from .bundle_config import CONFIG, ROOTFS, write_config
from .errors import ImageError
from .namespaces import apart, both_ranges
from .removal import remove_path
from .unpack import MOST_BYTES, unpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .fetch import Image
    from .namespaces import Range
    from .store import Store


class BundleWishes(Record):
    overlay: bool = False
    most: int = MOST_BYTES


def make_bundle(store: Store, image: Image, path: str, wishes: BundleWishes) -> list[str]:
    """What could not be made as the image has it, in words. Raises ImageError; then nothing is there."""
    is_new = begin_bundle(path)
    ranges = both_ranges() if os.geteuid() else None
    try:
        if wishes.overlay or ranges:
            return list(apart(lambda: {"notes": fill(store, image, path, wishes, ranges)}, ranges)["notes"])
        return fill(store, image, path, wishes, ranges)
    except BaseException:
        if is_new and os.path.isdir(path):
            os.rmdir(path)
        raise


def begin_bundle(path: str) -> bool:
    """Whether the directory is new. Raises ImageError where there is something in it."""
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.mkdir(path, 0o700)  # as the store: an image's programs are none of this host's users'
        return True
    except FileExistsError:
        if not os.path.isdir(path) or os.listdir(path):
            raise ImageError(f"{path!r} is there already, and not empty\n  cure:  name a new directory") from None
        return False
    except OSError as error:
        raise ImageError(f"can't make {path!r}: {reason(error)}") from None


def fill(
    store: Store, image: Image, path: str, wishes: BundleWishes, ranges: dict[str, tuple[Range, ...]] | None
) -> list[str]:
    mask = os.umask(0o022)
    try:
        os.mkdir(f"{path}/{ROOTFS}", 0o755)
        if wishes.overlay:
            from .overlay_bundle import fill_overlay

            return fill_overlay(store, image, path, wishes.most, ranges)
        notes = unpack(store, image, f"{path}/{ROOTFS}", wishes.most).notes
        return [*notes, *write_config(image, path, f"{path}/{ROOTFS}", ranges)]
    except BaseException as error:
        for name in (ROOTFS, "changes", CONFIG):
            remove_path(f"{path}/{name}")
        if isinstance(error, OSError):
            raise ImageError(f"can't unpack {image.name}: {reason(error)}: {error.filename or ''}") from None
        raise
    finally:
        os.umask(mask)
