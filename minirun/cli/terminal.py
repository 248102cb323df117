"""What a text looks like at a terminal: colours, and how wide it is. Without click, which takes longer to import than
a whole narration."""

from __future__ import annotations

import os

from ..teach.text import plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

    from ..teach.text import Paint

NARROW, WIDTH = 60, 100  # columns: where a terminal is wider, lines get hard to read

# What a text is -> how a terminal shows it: Select Graphic Rendition (console_codes(4)).
RENDITIONS = {"heading": "1", "about": "2", "number": "33", "shell": "32", "call": "36", "source": "34", "note": "31"}
RENDITIONS |= {"strong": "1", "emphasis": "3", "link": "4", "code": "36", "prompt": "33", "typed": "1"}  # a lab's page


def painting(stream: TextIO) -> Paint:
    """Colours at a terminal, but for people who want none (https://no-color.org)."""
    return painted if stream.isatty() and not os.environ.get("NO_COLOR") else plain


def columns(stream: TextIO) -> int:
    """How wide a line may be: like the terminal, as far as that is good to read."""
    if not stream.isatty():
        return WIDTH
    return min(WIDTH, max(NARROW, os.get_terminal_size(stream.fileno()).columns or WIDTH))


def painted(kind: str, words: str) -> str:
    return f"\x1b[{RENDITIONS[kind]}m{words}\x1b[0m"
