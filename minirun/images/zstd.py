"""Whether a zstd(1) file is all there. The library takes the end of the file for that of its content, wherever that
is.

A file is a row of frames, a frame is a header and a row of blocks, and each says how long it is (RFC 8878, section 3):
so it takes a few bytes of every block to walk to the end.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

FRAME = 0xFD2FB528
SKIPPABLE = 0x184D2A50  # and the fifteen numbers that follow
SIZES = (0, 2, 4, 8)  # bytes of a frame's Frame_Content_Size, by the descriptor's highest bits
DICTIONARIES = (0, 1, 2, 4)  # bytes of its Dictionary_ID, by the lowest
RLE = 1  # a block that has one byte, however often it stands for that


def refuse_cut_off(file: IO[bytes]) -> None:
    """The file is where it was, then. What is no frame is left to the library to tell. Raises EOFError."""
    start = file.tell()
    while skip_frame(file):
        pass
    file.seek(start)


def skip_frame(file: IO[bytes]) -> bool:
    """Whether there was one."""
    start = file.read(4)
    magic = int.from_bytes(start, "little")
    if magic == FRAME:
        skip_blocks(file, skip_header(file))
    elif magic & ~15 == SKIPPABLE:
        skip(file, number(file, 4))
    else:
        return False
    return True


def skip_header(file: IO[bytes]) -> int:
    """Returns how long the checksum behind the blocks is (3.1.1.1.1)."""
    descriptor = number(file, 1)
    is_single = descriptor >> 5 & 1  # all of the content in one segment: no Window_Descriptor, but a size in any case
    size = SIZES[descriptor >> 6] or is_single
    skip(file, 1 - is_single + DICTIONARIES[descriptor & 3] + size)
    return 4 * (descriptor >> 2 & 1)


def skip_blocks(file: IO[bytes], checksum: int) -> None:
    is_last = 0
    while not is_last:
        header = number(file, 3)
        is_last, kind, size = header & 1, header >> 1 & 3, header >> 3
        skip(file, 1 if kind == RLE else size)
    skip(file, checksum)


def number(file: IO[bytes], length: int) -> int:
    data = file.read(length)
    if len(data) < length:
        raise EOFError("the file ends before its compressed data do")
    return int.from_bytes(data, "little")


def skip(file: IO[bytes], length: int) -> None:
    """The last byte is read, since one can go to a place behind the end."""
    if length:
        file.seek(length - 1, os.SEEK_CUR)
        number(file, 1)
