"""Where an image comes from: each kind of source knows what it has, and hands out blobs. Nothing of it is trusted: the
store compares each blob with its digest (store.py)."""

from __future__ import annotations

import platform

from ..safe import safe
from .descriptors import MOST_BYTES_OF_DOCUMENT, Descriptor, Manifest, is_index, read_index, read_manifest
from .digests import check_content
from .errors import ImageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_INDEXES = 4  # one within the other
# What the kernel calls a machine -> what images do (Go's GOARCH), and its variant.
ARCHITECTURES = {
    "x86_64": ("amd64", ""),
    "aarch64": ("arm64", "v8"),
    "armv7l": ("arm", "v7"),
    "armv6l": ("arm", "v6"),
    "i686": ("386", ""),
    "ppc64le": ("ppc64le", ""),
    "s390x": ("s390x", ""),
    "riscv64": ("riscv64", ""),
}


class Source:
    """One image at one place."""

    what = "the image"

    def manifest(self, wanted: str) -> Manifest:
        """For this platform. Raises ImageError."""
        raise NotImplementedError

    def blob(self, descriptor: Descriptor, start: int = 0) -> Iterator[bytes]:
        """Its bytes from `start` on. Raises ImageError, OSError."""
        raise NotImplementedError

    def document(self, descriptor: Descriptor) -> bytes:
        """The same, of a small one: as a whole, and what its digest is of."""
        parts, length = [], 0
        for part in self.blob(descriptor):
            parts.append(part)
            length += len(part)
            if length > MOST_BYTES_OF_DOCUMENT:
                raise ImageError(f"{descriptor.digest} has more bytes than the {MOST_BYTES_OF_DOCUMENT} of a document")
        return check_content(b"".join(parts), descriptor.digest, f"{self.what}, {descriptor.digest}")

    def chosen(self, descriptor: Descriptor, wanted: str) -> Manifest:
        """From an index to an image, by the platform."""
        for _depth in range(MOST_INDEXES):
            text = self.document(descriptor)
            what = f"{self.what}, {descriptor.digest}"
            if not is_index(text, descriptor.media_type, what):
                return read_manifest(text, descriptor, what)
            descriptor = of_platform(read_index(text, what), wanted, what)
        raise ImageError(f"{self.what} has more than {MOST_INDEXES} indexes, one within the other")


def here() -> str:
    """The platform of this machine: "linux/amd64"."""
    architecture, variant = ARCHITECTURES.get(platform.machine(), (platform.machine(), ""))
    return f"linux/{architecture}" + (f"/{variant}" if variant else "")


def of_platform(found: tuple[Descriptor, ...], wanted: str, what: str) -> Descriptor:
    """The first whose platform it is; a lone one that names none will do. Raises ImageError."""
    system, architecture, variant, *_ = [*wanted.split("/"), "", ""]
    for one in found:
        named = one.platform
        same = (named.get("os"), named.get("architecture")) == (system, architecture)
        if same and named.get("variant", variant) in (variant, ""):
            return one
    if len(found) == 1 and not found[0].platform:
        return found[0]
    there = sorted({platform_of(one) for one in found})
    raise ImageError(
        f"{what} has no image for {wanted}\n  allowed: --platform with one of {safe(', '.join(there)) or 'none'}"
    )


def platform_of(descriptor: Descriptor) -> str:
    names = (descriptor.platform.get(name) for name in ("os", "architecture", "variant"))
    return "/".join(str(name) for name in names if name) or "an unnamed one"
