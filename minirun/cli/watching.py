"""Who looks on as a plan is walked down: --narrate, --step and --timeline."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..steps.step import Observer
    from ..teach.narrate import Narrator

# What a text is -> how a terminal shows it: Select Graphic Rendition (console_codes(4)). The colours are those of
# `explain`, without click, which takes longer to import than the whole narration.
RENDITIONS = {"heading": "1", "about": "2", "number": "33", "shell": "32", "call": "36", "source": "34", "note": "31"}


def observer(values: Mapping[str, Any]) -> Observer:
    """Raises StateError where what is asked for can't be had."""
    if not values.get("timeline"):
        return narrator(values)
    from ..teach.timeline import Timeline
    from ..teach.whole_file import check_writable

    path = os.path.abspath(values["timeline"])
    check_writable(path)
    if not (values["narrate"] or values.get("step")):
        return Timeline(path)
    from ..teach.several import Several

    return Several(narrator(values), Timeline(path))


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
