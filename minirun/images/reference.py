"""How an image is called on the command line: a kind, a place, and often a tag or a digest.

    oci:DIR[:TAG]                     an OCI image layout (image-spec, image-layout.md)
    docker-archive:FILE[:TAG]         what `docker save` writes
    tar:FILE                          a root directory in a tar file, as of `docker export`
    docker://HOST/NAME[:TAG|@DIGEST]  a registry (distribution-spec)

The words are skopeo's (containers-transports(5)), but for tar.
"""

from __future__ import annotations

import os

from ..record import Record
from ..safe import safe
from .errors import ImageError

KINDS = ("oci", "docker-archive", "tar", "docker")
ALLOWED = "oci:DIR[:TAG], docker-archive:FILE[:TAG], tar:FILE, docker://HOST/NAME[:TAG|@DIGEST]"


class Reference(Record):
    """`place` is a path, or of a registry HOST/NAME. "" for a tag or digest that was not given."""

    kind: str
    place: str
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        middle = "://" if self.kind == "docker" else ":"
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.kind}{middle}{self.place}{tag}" + (f"@{self.digest}" if self.digest else "")


def parse_reference(word: str) -> Reference:
    """Paths become absolute. Raises ImageError."""
    kind, _, rest = word.partition(":")
    if kind not in KINDS or not rest:
        raise ImageError(f"{safe(word)!r} is no image\n  allowed: {ALLOWED}")
    if kind == "docker":
        return registry_reference(word, rest)
    if kind == "tar":
        return Reference(kind, os.path.abspath(rest))
    place, tag = file_and_tag(rest)
    return Reference(kind, os.path.abspath(place), tag)


def file_and_tag(text: str) -> tuple[str, str]:
    """A path may have colons of its own: what is there as a whole is a path."""
    place, colon, tag = text.partition(":") if not os.path.exists(text) else (text, "", "")
    return place, tag if colon else ""


def registry_reference(word: str, rest: str) -> Reference:
    place, _, digest = rest.removeprefix("//").partition("@")
    host, slash, path = place.partition("/")
    name, _, tag = path.partition(":")
    if not (rest.startswith("//") and host and slash and name):
        raise ImageError(
            f"{safe(word)!r} names no registry and image in it\n"
            "  allowed: docker://HOST/NAME[:TAG|@DIGEST], such as docker://localhost:5000/app:1.0"
        )
    return Reference("docker", f"{host}/{name}", tag or ("" if digest else "latest"), digest)
