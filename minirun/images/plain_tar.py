"""A root directory in a tar file, as `docker export` and debootstrap's friends make them: an image of one layer, and of
no configuration."""

from __future__ import annotations

import os

from .. import quick_json
from ..errors import reason
from ..kernel import files
from .descriptors import CONFIGS, LAYERS, MANIFESTS, Descriptor, Manifest, new_manifest
from .digests import digest_of
from .errors import ImageError
from .source import Source, here
from .streams import Bounded, Tap, compression_of, decompressed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

    from .reference import Reference

SUFFIXES = {"none": LAYERS[0], "gzip": LAYERS[1], "zstd": LAYERS[2]}


class PlainTar(Source):
    def __init__(self, reference: Reference, most: int) -> None:
        self.path, self.most = reference.place, most
        self.what = f"the tar file {self.path!r}"
        self.config = b""

    def manifest(self, wanted: str) -> Manifest:
        with self.opened() as file:
            kind = compression_of(file.read(6))
            file.seek(0)
            content = self.hash_of(decompressed(file))
            file.seek(0)
            stored = content if kind not in SUFFIXES or kind == "none" else self.hash_of(file)
        self.config = quick_json.dumps(bare_config(content[0], wanted)).encode()
        config = Descriptor(CONFIGS[0], digest_of(self.config), len(self.config))
        layer = Descriptor(SUFFIXES.get(kind, LAYERS[0]), *stored)
        text = new_manifest(config, (layer,))
        return Manifest(text, Descriptor(MANIFESTS[0], digest_of(text), len(text)), config, (layer,))

    def opened(self) -> IO[bytes]:
        try:
            return os.fdopen(files.open_regular(self.path, os.O_RDONLY), "rb")
        except OSError as error:
            raise ImageError(f"can't read {self.what}: {reason(error)}") from None

    def hash_of(self, stream: IO[bytes]) -> tuple[str, int]:
        """Digest and length."""
        tap = Tap(stream, self.most)
        return tap.digest(), tap.place

    def blob(self, descriptor: Descriptor, start: int = 0) -> Iterator[bytes]:
        if descriptor.media_type == CONFIGS[0]:
            yield self.config[start:]
            return
        with self.opened() as file:
            stream = Bounded(decompressed(file) if descriptor.media_type == LAYERS[0] else file, self.most)
            stream.seek(start)
            yield from stream.rest()


def bare_config(layer: str, wanted: str) -> dict[str, object]:
    """What an image has to have (image-spec, "Image Configuration")."""
    system, architecture, *_ = (wanted or here()).split("/")
    return {"os": system, "architecture": architecture, "rootfs": {"type": "layers", "diff_ids": [layer]}}
