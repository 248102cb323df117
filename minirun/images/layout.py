"""An OCI image layout: a directory with index.json, and blobs that are called by their digests (image-spec,
image-layout.md)."""

from __future__ import annotations

import os

from ..errors import reason
from ..kernel import files
from ..kernel.libc import SystemCallError
from ..safe import safe
from .descriptors import MOST_BYTES_OF_DOCUMENT, Descriptor, Manifest, document, read_index
from .errors import ImageError
from .source import Source, of_platform

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .reference import Reference

REF_NAME = "org.opencontainers.image.ref.name"  # annotations.md: the tag
PART = 1 << 20


class Layout(Source):
    def __init__(self, reference: Reference) -> None:
        self.path, self.tag = reference.place, reference.tag
        self.what = f"the layout {self.path!r}"

    def manifest(self, wanted: str) -> Manifest:
        found = read_index(self.text("index.json"), f"{self.path}/index.json")
        version = document(self.text("oci-layout"), f"{self.path}/oci-layout").get("imageLayoutVersion")
        if version != "1.0.0":
            raise ImageError(f"{self.what} has version {safe(str(version))!r}\n  allowed: '1.0.0'")
        return self.chosen(self.tagged(found, wanted), wanted)

    def text(self, name: str) -> bytes:
        try:
            return files.read_regular(f"{self.path}/{name}", MOST_BYTES_OF_DOCUMENT)
        except SystemCallError as error:
            raise ImageError(
                f"can't read {f'{self.path}/{name}'!r}: {reason(error)}\n"
                "  cure:  oci:DIR names the directory of an OCI image layout, with index.json and blobs in it"
            ) from None

    def tagged(self, found: tuple[Descriptor, ...], wanted: str) -> Descriptor:
        """Without a tag, the only one. Raises ImageError."""
        named = [one for one in found if not self.tag or one.annotations.get(REF_NAME) == self.tag]
        if len(named) == 1:
            return named[0]
        tags = ", ".join(sorted(str(one.annotations.get(REF_NAME, "none")) for one in found))
        if not named:
            missing = f"no tag {safe(self.tag)!r}" if self.tag else "no image"
            raise ImageError(f"{self.what} has {missing}\n  allowed: {safe(tags) or 'nothing: it is empty'}")
        if any(one.platform for one in named):
            return of_platform(tuple(named), wanted, self.what)
        raise ImageError(f"{self.what} has several images\n  allowed: a tag of these: {safe(tags)}")

    def blob(self, descriptor: Descriptor, start: int = 0) -> Iterator[bytes]:
        path = f"{self.path}/blobs/{descriptor.digest.replace(':', '/')}"
        try:
            opened = files.open_regular(path, os.O_RDONLY)
        except OSError as error:
            raise ImageError(f"can't read {path!r}: {reason(error)}\n  cure:  {NOT_COPIED}") from None
        with os.fdopen(opened, "rb") as file:
            file.seek(start)
            while part := file.read(PART):
                yield part


NOT_COPIED = "the layout is not complete: copy the image anew. minirun fetches no blob from elsewhere"
