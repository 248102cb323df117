"""A layer's bytes, from the file in the store to the tar reader: decompressed, counted, and hashed as they go by."""

from __future__ import annotations

import hashlib

from .errors import ImageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO, Any

BLOCK = 1 << 18  # bytes that are read at once
# How a compressed file begins -> who reads it. What the media type says is not asked: other programs don't, either,
# so there are images where it is wrong.
MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", b"\xfd7zXZ": "xz"}
# What a stranger may have minirun keep in memory, in bytes: zstd(1) with --long=27 takes it all, xz -9 half of it.
MOST_MEMORY = 1 << 27
TOO_MUCH_MEMORY = ("too much memory", "Memory usage limit")  # how zstd and xz say it


def compression_of(start: bytes) -> str:
    return next((name for magic, name in MAGIC.items() if start.startswith(magic)), "none")


def decompressed(file: IO[bytes]) -> Any:
    """Something with `read`, for a file at its beginning. Raises ImageError."""
    start = file.read(6)
    file.seek(0)
    return OPENERS[compression_of(start)](file)


def plain_file(file: IO[bytes]) -> Any:
    return file


def from_gzip(file: IO[bytes]) -> Any:
    import gzip

    return gzip.GzipFile(fileobj=file, mode="rb")


def from_zstd(file: IO[bytes]) -> Any:
    try:
        import zstandard
    except ImportError:
        raise missing_library("zstandard", "to read layers that are compressed by zstd") from None
    from .zstd import refuse_cut_off

    try:
        refuse_cut_off(file)
    except EOFError as error:
        raise not_decompressed(error) from None
    return zstandard.ZstdDecompressor(max_window_size=MOST_MEMORY).stream_reader(file, read_across_frames=True)


def from_bzip2(file: IO[bytes]) -> Any:
    import bz2

    return bz2.BZ2File(file)


def from_xz(file: IO[bytes]) -> Any:
    from .xz import Xz

    return Xz(file, MOST_MEMORY)


OPENERS = {"none": plain_file, "gzip": from_gzip, "zstd": from_zstd, "bzip2": from_bzip2, "xz": from_xz}


def missing_library(name: str, purpose: str) -> ImageError:
    return ImageError(
        f"{purpose}, minirun needs the Python library {name}, which is not here\n"
        f"  cure:  apt install python3-{name}; or, where minirun was installed by pip: pip install 'minirun[images]'"
    )


class Bounded:
    """A stream that is read forwards only, and ends with an error where it is longer than it may be."""

    def __init__(self, stream: Any, most: int) -> None:
        self.stream, self.most, self.place = stream, most, 0

    def some(self, most: int) -> bytes:
        """A few bytes; none at the end. Raises ImageError."""
        try:
            part: bytes = self.stream.read(most)
        except Exception as error:  # each library has errors of its own
            if isinstance(error, MemoryError | ImageError):
                raise
            raise not_decompressed(error) from None
        self.place += len(part)
        if self.place > self.most:
            raise ImageError(
                f"a layer is larger than {self.most} bytes when it is decompressed\n"
                "  cure:  if it is meant to be, allow more: --most SIZE"
            )
        return part

    def seek(self, place: int) -> None:
        """Forwards. Raises ImageError."""
        if place < self.place:
            raise ImageError("a layer's tar file leads backwards")
        while self.place < place and self.some(min(place - self.place, BLOCK)):
            pass

    def rest(self) -> Iterator[bytes]:
        while part := self.some(BLOCK):
            yield part

    def length(self) -> int:
        """Of all of it, what is left to read included."""
        for _part in self.rest():
            pass
        return self.place


class Tap(Bounded):
    """The same, hashed as it goes by."""

    def __init__(self, stream: Any, most: int, algorithm: str = "sha256") -> None:
        super().__init__(stream, most)
        self.algorithm, self.hash = algorithm, hashlib.new(algorithm)

    def some(self, most: int) -> bytes:
        part = super().some(most)
        self.hash.update(part)
        return part

    def read(self, length: int) -> bytes:
        """So many bytes; fewer only at the end. Raises ImageError."""
        parts = []
        while length > 0 and (part := self.some(min(length, BLOCK))):
            parts.append(part)
            length -= len(part)
        return b"".join(parts)

    def tell(self) -> int:
        return self.place

    def digest(self) -> str:
        """Of all of it, what is left to read included."""
        self.length()
        return f"{self.algorithm}:{self.hash.hexdigest()}"


def not_decompressed(error: Exception) -> ImageError:
    if any(words in str(error) for words in TOO_MUCH_MEMORY):
        return ImageError(
            f"a layer takes more than {MOST_MEMORY} bytes of memory to decompress\n"
            "  cure:  have it compressed anew: by gzip, xz -9, or zstd with no more than --long=27"
        )
    return ImageError(f"a layer can't be decompressed: {error}")
