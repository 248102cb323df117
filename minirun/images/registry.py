"""A registry (distribution-spec, "Pull"): a manifest by its tag or digest, then blobs by their digests.

What the registry says is not trusted, but for which image has the tag: everything else has its digest. A blob whose
transfer breaks off is asked for again, from where it ended (RFC 9110, 14.2 "Range").
"""

from __future__ import annotations

from ..safe import safe
from .descriptors import (
    INDEXES,
    MANIFESTS,
    MOST_BYTES_OF_DOCUMENT,
    Descriptor,
    Manifest,
    is_index,
    read_index,
    read_manifest,
)
from .digests import check_content, check_form, digest_of
from .errors import ImageError
from .registry_http import Connection, is_here
from .source import Source, of_platform

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .reference import Reference

OF_NAMES = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-/")
OF_TAGS = (OF_NAMES | frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")) - {"/"}
HUB, HUBS_HOST = "docker.io", "registry-1.docker.io"
OFFICIAL = "library/"  # what Docker's own images are called there, which nobody writes
PART = 1 << 18
ATTEMPTS = 5  # without a single byte more


class Registry(Source):
    def __init__(self, reference: Reference) -> None:
        host, _, name = reference.place.partition("/")
        self.what = f"docker://{reference.place}"
        check_name(name, reference.tag)
        host = host.lower()  # as it comes back in the URLs of answers (RFC 9110, 4.2.3)
        if host == HUB:
            host, name = HUBS_HOST, name if "/" in name else OFFICIAL + name
        self.asked = check_form(reference.digest) if reference.digest else reference.tag
        self.connection = Connection(host, name, plain=is_here(host))

    def manifest(self, wanted: str) -> Manifest:
        text, media_type = self.manifest_text(self.asked)
        descriptor = Descriptor(media_type, self.asked if ":" in self.asked else digest_of(text), len(text))
        for _depth in range(4):
            what = f"{self.what}, {descriptor.digest}"
            if not is_index(text, descriptor.media_type, what):
                return read_manifest(text, descriptor, what)
            descriptor = of_platform(read_index(text, what), wanted, what)
            text, _ = self.manifest_text(descriptor.digest)
        raise ImageError(f"{self.what} has more than 4 indexes, one within the other")

    def manifest_text(self, name: str) -> tuple[bytes, str]:
        """A manifest or an index, and the type that the registry says it has. Raises ImageError."""
        with self.connection.get(f"manifests/{name}", {"Accept": ", ".join(MANIFESTS + INDEXES)}) as answer:
            self.check_status(answer, f"manifest {name}")
            text = b"".join(bounded(answer, MOST_BYTES_OF_DOCUMENT, self.what))
            media_type = answer.headers.get("Content-Type", "").partition(";")[0].strip()
        if ":" in name:
            check_content(text, name, f"{self.what}, {name}")
        return text, media_type if media_type in MANIFESTS + INDEXES else ""

    def check_status(self, answer: Any, what: str) -> None:
        if answer.status_code == 404:
            raise ImageError(
                f"{self.what} has no {safe(what)}\n  cure:  see whether name and tag are right, and who may see them"
            )
        if answer.status_code not in (200, 206):
            raise ImageError(f"{self.what}: the registry answers {answer.status_code} {safe(str(answer.reason))}")

    def blob(self, descriptor: Descriptor, start: int = 0) -> Iterator[bytes]:
        if descriptor.urls:
            raise ImageError(
                f"{self.what} has a layer that is kept elsewhere: {safe(descriptor.urls[0][:200])}\n"
                "  cure:  minirun fetches none from there; copy the image with the layer in it"
            )
        place, attempts = start, 0
        while place < descriptor.size:
            before = place
            for part in self.rest(descriptor, place):
                place += len(part)
                yield part
            attempts = 0 if place > before else attempts + 1
            if attempts >= ATTEMPTS:
                raise ImageError(
                    f"{self.what}: the transfer of {descriptor.digest} breaks off at byte {place}\n"
                    "  cure:  try again: it goes on from there"
                )

    def rest(self, descriptor: Descriptor, place: int) -> Iterator[bytes]:
        """As much as comes in one answer."""
        with self.connection.get(f"blobs/{descriptor.digest}", range_from(place)) as answer:
            self.check_status(answer, f"blob {descriptor.digest}")
            skipped = 0 if answer.status_code == 206 else place  # who knows no Range begins anew
            check_range(answer, place, self.what)
            for part in raw_parts(answer):
                kept = part[skipped:]
                skipped -= len(part) - len(kept)
                if kept:
                    yield kept


def check_name(name: str, tag: str) -> None:
    if not OF_NAMES.issuperset(name) or ".." in name or "//" in name or not OF_TAGS.issuperset(tag):
        raise ImageError(
            f"{safe(name)!r} with tag {safe(tag)!r} is no image's name\n  allowed: lower case letters, digits, . _ - /"
        )


def range_from(place: int) -> dict[str, str]:
    return {"Range": f"bytes={place}-"} if place else {}


def check_range(answer: Any, place: int, what: str) -> None:
    said = answer.headers.get("Content-Range", "")
    if answer.status_code == 206 and not said.startswith(f"bytes {place}-"):
        raise ImageError(f"{what}: the registry was asked for what follows byte {place}, and sends {safe(said)!r}")


def raw_parts(answer: Any) -> Iterator[bytes]:
    """As they come, not decompressed: the digest is of that. A transfer that breaks off just ends."""
    from urllib3.exceptions import HTTPError

    try:
        while part := answer.raw.read(PART, decode_content=False):
            yield part
    except (HTTPError, OSError):
        return


def bounded(answer: Any, most: int, what: str) -> Iterator[bytes]:
    length = 0
    for part in raw_parts(answer):
        length += len(part)
        if length > most:
            raise ImageError(f"{what}: the registry sends a manifest of more than {most} bytes")
        yield part
