"""What `docker save` writes: a tar file with manifest.json, the configuration, and layers as tar files, by any names.

Layers have no digests here. But the configuration has those of their contents (rootfs.diff_ids), and is itself called
by its own; so what a layer is called in a store is what the configuration says that it must be.
"""

from __future__ import annotations

import tarfile

from ..errors import ConfigError, reason
from ..safe import safe
from ..spec.load import decode
from .descriptors import (
    CONFIGS,
    LAYERS,
    MANIFESTS,
    MOST_BYTES_OF_DOCUMENT,
    MOST_LAYERS_OF_IMAGE,
    Descriptor,
    Manifest,
    document,
    new_manifest,
    optional,
)
from .digests import check_form, digest_of
from .errors import ImageError
from .source import Source
from .streams import Bounded, compression_of, decompressed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO, Any

    from .reference import Reference

MOST_MEMBERS = 100_000
MOST_BYTES_OF_HEADER = 1 << 20


class DockerArchive(Source):
    def __init__(self, reference: Reference, most: int) -> None:
        self.path, self.tag, self.most = reference.place, reference.tag, most
        self.what = f"the archive {self.path!r}"
        self.members: dict[str, tarfile.TarInfo] = {}
        self.documents: dict[str, bytes] = {}  # digest -> content, of those that are here already
        self.left = most  # bytes that may still be decompressed, only to know how many there are
        self.names: dict[str, str] = {}  # a layer's digest -> what it is called in the archive

    def manifest(self, wanted: str) -> Manifest:
        self.list_members()
        entry = self.named(self.json("manifest.json"))
        config_name, layer_names = entry.get("Config"), entry.get("Layers")
        if not isinstance(config_name, str) or not isinstance(layer_names, list):
            raise ImageError(f"{self.what}: manifest.json has no Config, or no Layers")
        config = self.read(config_name)
        digest = digest_of(config)
        self.documents[digest] = config
        layers = self.layers(document(config, f"{self.what}, {config_name}"), layer_names)
        text = new_manifest(Descriptor(CONFIGS[0], digest, len(config)), layers)
        descriptor = Descriptor(MANIFESTS[0], digest_of(text), len(text))
        return Manifest(text, descriptor, Descriptor(CONFIGS[0], digest, len(config)), layers)

    def list_members(self) -> None:
        try:
            with open(self.path, "rb") as file:
                archive = tarfile.TarFile(fileobj=Headers(file))  # type: ignore[arg-type]
                for count, one in enumerate(archive):
                    if count > MOST_MEMBERS:
                        raise ImageError(f"{self.what} has more than {MOST_MEMBERS} files")
                    self.members[one.name.removeprefix("./")] = one
        except OSError as error:
            raise ImageError(f"can't read {self.what}: {reason(error)}") from None
        except (tarfile.TarError, ValueError, RecursionError) as error:
            raise ImageError(f"{self.what} is none: {self.why_none(error)}") from None

    def why_none(self, error: Exception) -> str:
        with open(self.path, "rb") as file:
            kind = compression_of(file.read(6))
        if kind == "none":
            return f"{error}\n  cure:  name a file that docker save has made"
        return f"all of it is compressed, where only layers may be\n  cure:  decompress it by {kind} -d"

    def named(self, entries: Any) -> dict[str, Any]:
        found = [one for one in entries if isinstance(one, dict)] if isinstance(entries, list) else []
        tags = [str(tag) for one in found for tag in one.get("RepoTags") or ()]
        if self.tag:
            found = [one for one in found if self.is_called(one)]
        if len(found) == 1:
            return dict(found[0])
        told = safe(", ".join(tags)) or "nothing that has a tag"
        missing = "no such tag" if self.tag else "not one image, so it takes a tag to choose"
        raise ImageError(f"{self.what} has {missing}\n  allowed: {told}")

    def is_called(self, entry: dict[str, Any]) -> bool:
        tags = [str(tag) for tag in entry.get("RepoTags") or ()]
        return any(tag == self.tag or tag.endswith(f":{self.tag}") for tag in tags)

    def layers(self, config: dict[str, Any], names: list[object]) -> tuple[Descriptor, ...]:
        rootfs = optional(config, "rootfs", dict, f"{self.what}, the configuration")
        digests = optional(rootfs, "diff_ids", list, f"{self.what}, the configuration")
        if len(names) > MOST_LAYERS_OF_IMAGE:
            raise ImageError(f"{self.what} has {len(names)} layers\n  allowed: no more than {MOST_LAYERS_OF_IMAGE}")
        if len(digests) != len(names):
            raise ImageError(f"{self.what} has {len(names)} layers, and its configuration {len(digests)}")
        return tuple(self.layer(check_form(str(digest)), str(name)) for digest, name in zip(digests, names))

    def layer(self, digest: str, name: str) -> Descriptor:
        self.names[digest] = name
        return Descriptor(LAYERS[0], digest, self.size_of(self.member(name)))

    def size_of(self, member: tarfile.TarInfo) -> int:
        """Of the content: it may be compressed."""
        with tarfile.open(self.path, "r:") as archive:
            file = archive.extractfile(member)
            if file is None or compression_of(file.read(6)) == "none":
                return member.size
            file.seek(0)
            size = Bounded(decompressed(file), self.left).length()
            self.left -= size
            return size

    def json(self, name: str) -> Any:
        try:
            return decode(self.read(name))
        except ConfigError as error:
            raise ImageError(f"{self.what}, {name} can't be read: {error.found}") from None

    def read(self, name: str) -> bytes:
        member = self.member(name)
        if member.size > MOST_BYTES_OF_DOCUMENT:
            raise ImageError(f"{self.what}, {safe(name)} has {member.size} bytes\n  allowed: {MOST_BYTES_OF_DOCUMENT}")
        with tarfile.open(self.path, "r:") as archive:
            file = archive.extractfile(member)
            return file.read() if file else b""

    def member(self, name: str) -> tarfile.TarInfo:
        """Old archives have a layer once, and symlinks to it."""
        found = self.members.get(name.removeprefix("./"))
        if found is not None and found.issym():
            parent = name.rpartition("/")[0]
            found = self.members.get(plain_path(f"{parent}/{found.linkname}"))
        if found is None or not found.isreg():
            raise ImageError(f"{self.what} has no file {safe(name)!r}\n  cure:  {NOT_SAVED}")
        return found

    def blob(self, descriptor: Descriptor, start: int = 0) -> Iterator[bytes]:
        if descriptor.digest in self.documents:
            yield self.documents[descriptor.digest][start:]
            return
        member = self.member(self.names[descriptor.digest])
        with tarfile.open(self.path, "r:") as archive:
            file = archive.extractfile(member)
            if file is None:
                return
            stream = Bounded(decompressed(file), self.most)
            stream.seek(start)
            yield from stream.rest()


class Headers:
    """The archive for who reads its members' headers only: tarfile would take any length of one into memory."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, length: int) -> bytes:
        if length > MOST_BYTES_OF_HEADER:
            raise ImageError(
                f"a file's name, or another header of the archive, has {length} bytes\n  cure:  {NOT_SAVED}"
            )
        return self.file.read(length)


def plain_path(path: str) -> str:
    names: list[str] = []
    for name in path.split("/"):
        if name == "..":
            del names[-1:]
        elif name not in ("", "."):
            names.append(name)
    return "/".join(names)


NOT_SAVED = "name a file that docker save, or skopeo copy … docker-archive:, has made"
