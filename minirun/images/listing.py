"""What is in the store, for `images list`."""

from __future__ import annotations

from .tidy import layers_in_use, layers_of, names_of_images

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .store import Store

COLUMNS = ("NAME", "DIGEST", "LAYERS", "SIZE", "IN USE")


def listing(store: Store) -> list[dict[str, Any]]:
    """Sizes in bytes, as they were fetched; "used" is whether a bundle stands on a layer of the image."""
    used = layers_in_use(store)
    found = []
    for name in sorted(names_of_images(store)):
        manifest = store.manifest_named(name)
        if manifest:
            size = sum(blob.size for blob in manifest.blobs)
            layers = len(manifest.layers)
            in_use = bool(used & set(layers_of(store, manifest)))
            digest = manifest.descriptor.digest
            found.append({"name": name, "digest": digest, "layers": layers, "size": size, "used": in_use})
    return found


def as_table(found: list[dict[str, Any]]) -> str:
    rows = [COLUMNS, *(row(one) for one in found)]
    widths = [max(len(line[column]) for line in rows) for column in range(len(COLUMNS))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in rows)
    return "".join(f"{line}\n" for line in lines)


def row(one: dict[str, Any]) -> tuple[str, ...]:
    digest = one["digest"].partition(":")[2][:12]
    return (one["name"], digest, str(one["layers"]), in_megabytes(one["size"]), "yes" if one["used"] else "no")


def in_megabytes(size: int) -> str:
    if size < 1000:
        return f"{size} bytes"
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"
