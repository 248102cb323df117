"""What a terminal has shown, taken apart: a `console` block of a page, line by line.

    1# unshare --uts \\         a prompt, the terminal's number and # for root or $ for others; and what is typed
    > bash                      goes on with what is typed
    1# hostname
    lab01                       what the command printed
    1# minirun run --step bundle
    1? c                        an answer to the program that was started there

There is nothing else in such a block.
"""

from __future__ import annotations

import re

from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

PROMPT = re.compile(r"([0-9]+[#$?]|>)(?: |$)")
GOES_ON = ">"


class Line(Record):
    """`prompt` is "" where the line is output, and `text` then the whole of it."""

    prompt: str
    text: str


def lines(block: str) -> Iterator[Line]:
    """A > only goes on with a command: elsewhere it is output."""
    before = Line("", "")
    for line in block.removesuffix("\n").split("\n"):
        found = PROMPT.match(line)
        is_typed = found and (found[1] != GOES_ON or before.prompt)
        before = Line(found[1], line[found.end() :]) if found and is_typed else Line("", line)
        yield before


def commands(block: str) -> Iterator[tuple[Line, ...]]:
    """The lines, put together: each command with the lines by which it goes on, and each line of output alone."""
    group: list[Line] = []
    for line in lines(block):
        if group and line.prompt != GOES_ON:
            yield tuple(group)
            group = []
        group.append(line)
    yield tuple(group)
