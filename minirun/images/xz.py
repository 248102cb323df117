"""xz(1), with a limit for memory: a file's first bytes say how much its decompression takes, up to 4 GiB, and Python's
own lzma.LZMAFile can't be told that this is too much."""

from __future__ import annotations

import lzma

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

BLOCK = 1 << 18  # bytes that are read at once


class Xz:
    """The content of all streams of a file, one behind the other, as xz -d has it."""

    def __init__(self, file: IO[bytes], most_memory: int) -> None:
        self.file, self.most_memory = file, most_memory
        self.ahead = b""  # what was read of the file, and is the next stream's
        self.begin()

    def begin(self) -> None:
        self.decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=self.most_memory)

    def read(self, most: int) -> bytes:
        """A few bytes; none at the end. Raises lzma.LZMAError, EOFError."""
        while not self.decompressor.eof or self.is_followed():
            data = self.more() if self.decompressor.needs_input else b""
            if part := self.decompressor.decompress(data, most):
                return part
        return b""

    def more(self) -> bytes:
        data, self.ahead = self.ahead or self.file.read(BLOCK), b""
        if not data:
            raise EOFError("the file ends before its compressed data do")
        return data

    def is_followed(self) -> bool:
        """Whether there is another stream, which begins then. Between two there may be NULs (xz-file-format, 2.2)."""
        self.ahead = self.decompressor.unused_data.lstrip(b"\0")
        while not self.ahead and (data := self.file.read(BLOCK)):
            self.ahead = data.lstrip(b"\0")
        if self.ahead:
            self.begin()
        return bool(self.ahead)
