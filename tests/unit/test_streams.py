"""Layers as streams: what is compressed in which way, in pieces of any length, and where reading ends."""

from __future__ import annotations

import io
import lzma
import os
from typing import Any

import pytest

from minirun.images.errors import ImageError
from minirun.images.streams import Bounded, Tap, decompressed

TEXT = b"".join(b"line %d\n" % number for number in range(20_000))
XZ = lzma.compress(TEXT)


def everything(data: bytes, most: int = 1 << 30) -> bytes:
    return b"".join(Bounded(decompressed(io.BytesIO(data)), most).rest())


@pytest.mark.parametrize("between", [b"", bytes(4), bytes(1 << 19)])
def test_an_xz_file_has_streams_and_nothing_between_them(between: bytes) -> None:
    assert everything(XZ + between + lzma.compress(b"more") + between) == TEXT + b"more"


@pytest.mark.parametrize("length", [1, 7, 1000])
def test_an_xz_file_in_small_pieces(length: int) -> None:
    stream = decompressed(io.BytesIO(lzma.compress(TEXT[:5000]) + lzma.compress(b"")))
    parts = list(iter(lambda: stream.read(length), b""))
    assert b"".join(parts) == TEXT[:5000] and max(map(len, parts)) <= length


@pytest.mark.parametrize("data", [XZ[:-1], XZ[:100], XZ + b"rubbish", XZ[:100] + b"x" + XZ[101:]])
def test_an_xz_file_that_is_damaged(data: bytes) -> None:
    with pytest.raises(ImageError, match="can't be decompressed"):
        everything(data)


def zstd(data: bytes, **options: Any) -> bytes:
    zstandard = pytest.importorskip("zstandard")
    made: bytes = zstandard.ZstdCompressor(**options).compress(data)
    return made


@pytest.mark.parametrize("options", [{}, {"write_checksum": True}, {"write_content_size": False}])
@pytest.mark.parametrize("text", [b"", b"x", bytes(1 << 20), TEXT, os.urandom(1 << 18)], ids=range(5))
def test_a_zstd_file_ends_where_it_says(text: bytes, options: dict[str, bool]) -> None:
    """The library takes what is there for everything, and a part of a tar file may look like a whole one."""
    whole = zstd(text, **options)
    note = b"\x50\x2a\x4d\x18" + bytes([2, 0, 0, 0]) + b"no"  # a skippable frame
    assert everything(whole + note + whole + note) == text + text
    for length in {5, 6, 7, len(whole) // 2, len(whole) - 4, len(whole) - 1} - {len(whole)}:
        with pytest.raises(ImageError, match="ends before its compressed data do"):
            everything(whole[:length])
        with pytest.raises(ImageError, match="ends before its compressed data do"):
            everything(whole + whole[:length])


def test_a_stream_ends_at_its_limit() -> None:
    assert everything(XZ, len(TEXT)) == TEXT
    with pytest.raises(ImageError, match=r"(?s)larger than 100 bytes .* cure: .* --most"):
        everything(XZ, 100)


def test_forwards_only() -> None:
    tap = Tap(io.BytesIO(TEXT), 1 << 30)
    tap.seek(100)
    assert tap.read(8) == TEXT[100:108]
    with pytest.raises(ImageError, match="backwards"):
        tap.seek(0)
