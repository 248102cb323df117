"""A block of lines in somebody else's file, between two marks by which it is found again.

    # minirun setup: begin 1f0c96b2
    …
    # minirun setup: end

The number is a checksum of the lines, by which a block that somebody has changed is known. A block that is a file of
its own says so, or the file of somebody who had an empty one would be removed.
"""

from __future__ import annotations

import re
from zlib import crc32

from ..errors import StateError

ALONE = " in a file of its own"
BLOCK = re.compile(
    rf"^# minirun setup: begin ([0-9a-f]{{8}})({ALONE})?\n(.*?)^# minirun setup: end(?:\n|\Z)", re.MULTILINE | re.DOTALL
)


def marked(lines: str, alone: str = "") -> str:
    return f"# minirun setup: begin {checksum(lines)}{alone}\n{lines}# minirun setup: end\n"


def checksum(lines: str) -> str:
    return f"{crc32(lines.encode()):08x}"


def put_in(text: str | None, lines: str) -> str:
    """The text with the block at its end, or where it is already. Raises StateError."""
    if text is None:
        return marked(lines, ALONE)
    if block := found(text):
        return text[: block.start()] + marked(lines, block[2] or "") + text[block.end() :]
    return text + ("\n" if text else "") + marked(lines)


def take_out(text: str) -> str | None:
    """The text without the block; None where nothing else was ever in the file. Raises StateError."""
    block = found(text)
    if block is None:
        return text
    before, after = text[: block.start()], text[block.end() :]
    if block[2]:
        return before + after or None
    before = before.removesuffix("\n")  # put_in's
    return f"{before}\n{after}" if after and before and not before.endswith("\n") else before + after


def found(text: str) -> re.Match[str] | None:
    """Raises StateError where it is not as minirun has written it, for then it is not minirun's alone."""
    block = BLOCK.search(text)
    if block and checksum(block[3]) != block[1]:
        line = text.count("\n", 0, block.start()) + 1
        raise StateError(
            f"somebody has changed what minirun had put there, from line {line} on\n"
            "  cure:  take out these lines by hand, with their two marks, if they are not wanted any more"
        )
    return block
