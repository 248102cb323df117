"""Descriptors: a blob's type, digest and size (image-spec, descriptor.md), and the documents that consist of them.

What is read here was written by strangers, and decides what is read next. So each value is looked at before it is
used, and a document has a size that can be read at once.
"""

from __future__ import annotations

from .. import quick_json
from ..errors import ConfigError
from ..record import Record
from ..safe import safe
from ..spec.load import decode
from .digests import check_form
from .errors import ImageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MOST_BYTES_OF_DOCUMENT = 4 << 20  # what registries take of a manifest (distribution-spec, "Pushing Manifests")
MOST_LAYERS_OF_IMAGE = 500  # overlayfs takes as many (OVL_MAX_STACK)

OCI, DOCKER = "application/vnd.oci.image.", "application/vnd.docker."
INDEXES = (f"{OCI}index.v1+json", f"{DOCKER}distribution.manifest.list.v2+json")
MANIFESTS = (f"{OCI}manifest.v1+json", f"{DOCKER}distribution.manifest.v2+json")
CONFIGS = (f"{OCI}config.v1+json", f"{DOCKER}container.image.v1+json")
LAYERS = (
    *(f"{OCI}layer.v1.tar{suffix}" for suffix in ("", "+gzip", "+zstd")),
    *(f"{OCI}layer.nondistributable.v1.tar{suffix}" for suffix in ("", "+gzip", "+zstd")),
    *(f"{DOCKER}image.rootfs.{suffix}" for suffix in ("diff.tar", "diff.tar.gzip", "foreign.diff.tar.gzip")),
)


class Descriptor(Record):
    """`size` in bytes. `urls` would be other places to have it from, where minirun does not look."""

    media_type: str
    digest: str
    size: int
    urls: tuple[str, ...] = ()
    platform: dict[str, Any] = {}
    annotations: dict[str, Any] = {}

    def json(self) -> dict[str, object]:
        told: dict[str, object] = {"mediaType": self.media_type, "digest": self.digest, "size": self.size}
        return told | ({"annotations": self.annotations} if self.annotations else {})


class Manifest(Record):
    """An image: its configuration and its layers, the lowest first. `text` is what its digest is of."""

    text: bytes
    descriptor: Descriptor
    config: Descriptor
    layers: tuple[Descriptor, ...]

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        return (self.config, *self.layers)


def document(text: bytes, what: str) -> dict[str, Any]:
    """The JSON object in `text`. Raises ImageError."""
    if len(text) > MOST_BYTES_OF_DOCUMENT:
        raise ImageError(f"{what} has more than {MOST_BYTES_OF_DOCUMENT} bytes\n  allowed: no more, of a document")
    try:
        value = decode(text)
    except ConfigError as error:
        raise ImageError(f"{what} can't be read: {error.found}\n  allowed: {error.allowed}") from None
    if not isinstance(value, dict):
        raise ImageError(f"{what} is {kind_of(value)}\n  allowed: a JSON object")
    return value


# RFC 8259, 3 "Values"; integers by a name of their own
NAMES = {dict: "object", list: "array", str: "string", int: "integer", float: "number", bool: "boolean"}


def kind_of(value: object) -> str:
    return f"a JSON {NAMES[type(value)]}" if value is not None else "missing"


def member(value: dict[str, Any], name: str, kind: type, what: str) -> Any:
    """The value of this name, which has to be there, and of this kind. Raises ImageError."""
    found = value.get(name)
    if not isinstance(found, kind) or (kind is int and isinstance(found, bool)):
        raise ImageError(f"{what}: {name} is {kind_of(found)}\n  allowed: a JSON {NAMES[kind]}")
    return found


def optional(value: dict[str, Any], name: str, kind: type, what: str) -> Any:
    """The same, or an empty one where there is none."""
    return kind() if value.get(name) is None else member(value, name, kind, what)


def read_descriptor(value: object, what: str) -> Descriptor:
    """Raises ImageError."""
    if not isinstance(value, dict):
        raise ImageError(f"{what}: a descriptor is {kind_of(value)}\n  allowed: a JSON object")
    size = member(value, "size", int, what)
    if size < 0:
        raise ImageError(f"{what}: a descriptor says that its blob has {size} bytes\n  allowed: 0 or more")
    return Descriptor(
        optional(value, "mediaType", str, what),
        check_form(member(value, "digest", str, what)),
        size,
        tuple(url for url in optional(value, "urls", list, what) if isinstance(url, str)),
        optional(value, "platform", dict, what),
        optional(value, "annotations", dict, what),
    )


def read_index(text: bytes, what: str) -> tuple[Descriptor, ...]:
    """The manifests of an image index or manifest list. Raises ImageError."""
    return tuple(read_descriptor(one, what) for one in member(document(text, what), "manifests", list, what))


def is_index(text: bytes, media_type: str, what: str) -> bool:
    """Whether a document is a list of images and no image. What it says itself has to be what was said of it, or it
    would be read in two ways (CVE-2021-41190). Raises ImageError."""
    value = document(text, what)
    said = optional(value, "mediaType", str, what) or media_type
    if media_type and said != media_type:
        raise ImageError(f"{what} says that it is {safe(said)}, and who names it says {safe(media_type)}")
    if said and said not in INDEXES + MANIFESTS:
        raise ImageError(f"{what} is {safe(said)}\n  allowed: {', '.join(MANIFESTS + INDEXES)}")
    if "manifests" in value and ("layers" in value or "config" in value):
        raise ImageError(f"{what} is an index and a manifest at the same time\n  allowed: one of them")
    return said in INDEXES if said else "manifests" in value


def read_manifest(text: bytes, descriptor: Descriptor, what: str) -> Manifest:
    """Raises ImageError for what is not an image to run."""
    value = document(text, what)
    config = read_descriptor(value.get("config"), f"{what}, config")
    layers = member(value, "layers", list, what)
    if len(layers) > MOST_LAYERS_OF_IMAGE:
        raise ImageError(f"{what} has {len(layers)} layers\n  allowed: no more than {MOST_LAYERS_OF_IMAGE}")
    read = tuple(read_descriptor(one, f"{what}, layer {number}") for number, one in enumerate(layers, 1))
    check_type(config, CONFIGS, f"{what}, config")
    if config.size > MOST_BYTES_OF_DOCUMENT:
        raise ImageError(f"{what}: a configuration of {config.size} bytes\n  allowed: {MOST_BYTES_OF_DOCUMENT}")
    for number, layer in enumerate(read, 1):
        check_type(layer, LAYERS, f"{what}, layer {number}")
    return Manifest(text, descriptor, config, read)


def check_type(descriptor: Descriptor, allowed: tuple[str, ...], what: str) -> None:
    if descriptor.media_type not in allowed:
        raise ImageError(f"{what} is {safe(descriptor.media_type)!r}\n  allowed: {', '.join(allowed)}")


def new_manifest(config: Descriptor, layers: tuple[Descriptor, ...]) -> bytes:
    """One for an image that came without."""
    told = {"config": config.json(), "layers": [layer.json() for layer in layers]}
    return quick_json.dumps({"schemaVersion": 2, "mediaType": MANIFESTS[0], **told}).encode()
