"""What of the store nobody needs any more. Called with the store's lock held alone."""

from __future__ import annotations

import os

from .. import quick_json
from .errors import ImageError
from .layout import REF_NAME
from .overlay import chain_ids
from .removal import remove_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .descriptors import Manifest
    from .store import Store


def remove_image(store: Store, name: str) -> None:
    """The name; what only this image has goes with the next `collect`. Raises ImageError."""
    kept = [one for one in store.images() if one.get("annotations", {}).get(REF_NAME) != name]
    if len(kept) == len(store.images()):
        names = ", ".join(str(one["annotations"][REF_NAME]) for one in kept) or "it has none"
        raise ImageError(f"the store {store.path!r} has no image {name!r}\n  allowed: {names}")
    store.write_index(kept)


def remove_all_images(store: Store) -> None:
    store.write_index([])


def collect(store: Store) -> int:
    """Remove blobs and layers that no image has and no bundle stands on; how many bytes more the disk has free."""
    manifests = [found for found in map(store.manifest_named, names_of_images(store)) if found]
    kept = {digest for one in manifests for digest in (one.descriptor.digest, *(blob.digest for blob in one.blobs))}
    before = room(store)
    for path in unneeded_files(store, kept):
        os.unlink(path)
    layers = {name for one in manifests for name in layers_of(store, one)} | layers_in_use(store)
    for name in os.listdir(f"{store.path}/layers"):
        if name not in layers:
            remove_path(f"{store.path}/layers/{name}")
    return max(0, room(store) - before)


def room(store: Store) -> int:
    """Bytes that are free on its disk."""
    found = os.statvfs(store.path)
    return found.f_bavail * found.f_frsize


def names_of_images(store: Store) -> list[str]:
    return [str(one.get("annotations", {}).get(REF_NAME)) for one in store.images()]


def unneeded_files(store: Store, kept: set[str]) -> Iterator[str]:
    for algorithm in ("sha256", "sha512"):
        directory = f"{store.path}/blobs/{algorithm}"
        yield from (f"{directory}/{name}" for name in os.listdir(directory) if f"{algorithm}:{name}" not in kept)
    yield from (f"{store.path}/partial/{name}" for name in os.listdir(f"{store.path}/partial"))


def layers_of(store: Store, manifest: Manifest) -> list[str]:
    from .fetch import image_of

    try:
        return chain_ids(image_of(store, "", manifest).diff_ids)
    except ImageError:
        return []


def layers_in_use(store: Store) -> set[str]:
    """By bundles that are still there."""
    used: set[str] = set()
    for name in os.listdir(f"{store.path}/users"):
        path = f"{store.path}/users/{name}"
        with open(path) as file:
            told = quick_json.loads(file.read())
        if os.path.isdir(f"{told['bundle']}/changes"):
            used |= set(told["layers"])
        else:
            os.unlink(path)
    return used
