"""An OCI image layout as a check reads it: index.json names a manifest, which names a config and layers, each by its
digest (image-spec, image-layout.md, manifest.md, config.md)."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import tarfile
import zlib

from ...record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYERS = ("application/vnd.oci.image.layer.v1.tar", "application/vnd.oci.image.layer.v1.tar+gzip")
GZIP = b"\x1f\x8b"  # how it begins (RFC 1952)
PIECE = 1 << 16  # bytes


class Unfit(Exception):
    """What the layout lacks: what was expected, what was found, and the hint that this deserves."""

    def __init__(self, expected: str, found: str = "", hint: str = "") -> None:
        super().__init__(expected)
        self.expected, self.found, self.hint = expected, found, hint


class Image(Record):
    """All that the index leads to."""

    config: dict[str, Any]
    layers: tuple[str, ...]  # the paths of the blobs, the lowest first
    digests: tuple[str, ...]


def read(directory: str) -> Image:
    """Raises Unfit."""
    version = as_json(f"{directory}/oci-layout", "oci-layout")
    if version.get("imageLayoutVersion") != "1.0.0":
        raise Unfit('{"imageLayoutVersion": "1.0.0"} in image/oci-layout')
    index = as_json(f"{directory}/index.json", "index.json")
    manifests = index.get("manifests")
    if not isinstance(manifests, list) or len(manifests) != 1:
        raise Unfit("one manifest in image/index.json")
    manifest = as_json(blob(directory, manifests[0], (MANIFEST,)), "the manifest")
    config = as_json(blob(directory, manifest.get("config"), (CONFIG,)), "the config")
    layers = manifest.get("layers")
    if not isinstance(layers, list) or len(layers) != 3:
        raise Unfit("three layers in the manifest")
    paths = tuple(blob(directory, layer, LAYERS) for layer in layers)
    return Image(config, paths, tuple(str(layer["digest"]) for layer in layers))


def as_json(path: str, what: str) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except FileNotFoundError:
        raise Unfit(f"{what} in image/") from None
    except (OSError, ValueError, RecursionError) as error:
        raise Unfit(f"{what} as JSON", str(error)) from None
    if not isinstance(found, dict):
        raise Unfit(f"an object in {what}")
    return found


def blob(directory: str, descriptor: Any, types: tuple[str, ...]) -> str:
    """The path of what a descriptor names, once its type, its size and its digest are found right."""
    if not isinstance(descriptor, dict):
        raise Unfit("a descriptor: mediaType, digest, size")
    kind, digest, size = (descriptor.get(name) for name in ("mediaType", "digest", "size"))
    if kind not in types:
        raise Unfit(f"the mediaType {types[-1]}", str(kind))
    algorithm, _, number = str(digest).partition(":")
    path = f"{directory}/blobs/{algorithm}/{number}"
    if algorithm != "sha256" or not os.path.isfile(path):
        raise Unfit(f"a file image/blobs/sha256/{number or '…'}", f"the digest {digest}")
    if hash_of(path) != number:
        raise Unfit("its own SHA-256 as its name", f"blobs/sha256/{number[:12]}…", "changed_later")
    if size != os.path.getsize(path):
        raise Unfit(f"the size {os.path.getsize(path)}", f"{size} for {number[:12]}…", "changed_later")
    return path


def hash_of(path: str) -> str:
    with open(path, "rb") as file:
        return sha256(file.read)


def sha256(read_some: Callable[[int], bytes]) -> str:
    """Piece by piece: a layer may be larger than the memory."""
    sum_so_far = hashlib.sha256()
    for piece in iter(lambda: read_some(PIECE), b""):
        sum_so_far.update(piece)
    return sum_so_far.hexdigest()


def diff_ids(image: Image) -> list[str]:
    return [f"sha256:{diff_id(layer)}" for layer in image.layers]


def diff_id(layer: str) -> str:
    """The SHA-256 of the tar archive in it. Raises Unfit."""
    with open(layer, "rb") as file:
        is_packed = file.read(2) == GZIP
    try:
        with gzip.open(layer) if is_packed else open(layer, "rb") as archive:
            return sha256(archive.read)
    except (OSError, EOFError, zlib.error) as error:
        raise Unfit("a layer that can be unpacked", str(error)) from None


def names_in(layer: str) -> Iterator[str]:
    """The paths in a layer, without the ./ that tar puts before them."""
    try:
        with tarfile.open(layer) as archive:
            yield from (os.path.normpath(name) for name in archive.getnames())
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise Unfit("a layer that is a tar archive", str(error)) from None
