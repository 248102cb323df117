"""Who looks on as a plan is walked down: --narrate and --step."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..teach.narrate import Narrator

# What a text is -> how a terminal shows it: Select Graphic Rendition (console_codes(4)). The colours are those of
# `explain`, without click, which takes longer to import than the whole narration.
RENDITIONS = {"heading": "1", "about": "2", "number": "33", "shell": "32", "call": "36", "source": "34", "note": "31"}


def narrator(values: Mapping[str, Any]) -> Narrator:
    from ..teach.narrate import Narrator
    from ..teach.text import plain

    paint = painted if sys.stderr.isatty() and not os.environ.get("NO_COLOR") else plain
    if not values.get("step"):
        return Narrator(sys.stderr.fileno(), paint)
    from ..teach.stepping import Stepper  # imports what `explain` does

    return Stepper(sys.stderr.fileno(), paint)


def painted(kind: str, words: str) -> str:
    return f"\x1b[{RENDITIONS[kind]}m{words}\x1b[0m"
