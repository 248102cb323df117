"""An image into the store: its manifest, then what the store does not have of its blobs, several at a time."""

from __future__ import annotations

from ..record import Record
from .descriptors import document
from .errors import ImageError
from .opening import open_source
from .reference import Reference
from .source import here
from .store import Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .descriptors import Descriptor, Manifest
    from .source import Source

    Told = Callable[[int], None]  # how many bytes more are here
    Progress = Callable[[int], Told]  # how many there are to fetch


AT_ONCE = 4  # connections: a registry may have limits


class Image(Record):
    """One that is in the store."""

    name: str
    manifest: Manifest
    config: dict[str, Any]
    diff_ids: tuple[str, ...]  # the digests of the layers' contents, the lowest first


def fetch(store: Store, reference: Reference, platform: str, most: int, progress: Progress) -> Image:
    """Raises ImageError."""
    source = open_source(reference, most)
    manifest = source.manifest(platform or here())
    blobs = list({one.digest: one for one in manifest.blobs}.values())
    told = progress(checked_size(blobs, most, source.what))
    fetch_all(store, source, blobs, told)
    store.add_document(manifest.text, manifest.descriptor.digest)
    store.name_image(str(reference), manifest)
    return image_of(store, str(reference), manifest)


def checked_size(blobs: list[Descriptor], most: int, what: str) -> int:
    """Of all together, by the word of the manifest: no blob may become longer (store.py). Raises ImageError."""
    size = sum(one.size for one in blobs)
    if size > most:
        raise ImageError(
            f"{what} has {size} bytes to fetch\n  allowed: {most}\n"
            "  cure:  if it is meant to be so large, allow more: --most SIZE"
        )
    return size


def fetch_all(store: Store, source: Source, blobs: list[Descriptor], told: Told) -> None:
    """Threads that have ended when this returns: nobody forks meanwhile."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = [pool.submit(store.fetch_blob, source, one, told) for one in blobs]
        try:
            for one in waiting:
                one.result()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def image_of(store: Store, name: str, manifest: Manifest) -> Image:
    """Raises ImageError where manifest and configuration contradict."""
    what = f"the configuration of {name}"
    config = document(store.read_document(manifest.config), what)
    rootfs = config.get("rootfs")
    diff_ids = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    if not isinstance(diff_ids, list) or len(diff_ids) != len(manifest.layers):
        count = len(diff_ids) if isinstance(diff_ids, list) else "no"
        raise ImageError(f"{what} has {count} rootfs.diff_ids, and the manifest has {len(manifest.layers)} layers")
    return Image(name, manifest, config, tuple(map(str, diff_ids)))


def silent(_total: int) -> Told:
    return lambda _more: None
