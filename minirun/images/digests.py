"""Digests: the name of a blob is a hash of its content, so whoever has the name can tell whether the content is right
(image-spec, descriptor.md)."""

from __future__ import annotations

import hashlib

from ..safe import safe
from .errors import ImageError

HEXADECIMAL = frozenset("0123456789abcdef")
LENGTHS = {"sha256": 64, "sha512": 128}  # in hexadecimal digits


def check_form(digest: str) -> str:
    """The digest itself: it becomes a file's name, so nothing else may be in it. Raises ImageError."""
    algorithm, _, value = digest.partition(":")
    if LENGTHS.get(algorithm) != len(value) or not HEXADECIMAL.issuperset(value):
        raise ImageError(
            f"{safe(digest[:200])!r} is no digest\n  allowed: sha256: and 64, or sha512: and 128 hexadecimal digits"
        )
    return digest


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def check_content(data: bytes, digest: str, what: str) -> bytes:
    """The data itself. Raises ImageError where it is not what the digest is of."""
    found = digest_of(data, digest.partition(":")[0])
    if found != digest:
        raise wrong_content(what, digest, found)
    return data


def wrong_content(what: str, wanted: str, found: str) -> ImageError:
    return ImageError(
        f"{what} is not what its digest is of\n"
        f"  wanted: {wanted}\n"
        f"  found: {found}\n"
        "  cure:  it was damaged or exchanged on the way: have it made, or copied, anew"
    )
