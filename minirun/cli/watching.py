"""Who looks on as a plan is walked down: --narrate, --step and --timeline."""

from __future__ import annotations

import os
import sys

from ..teach.text import plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TextIO

    from ..steps.step import Observer
    from ..teach.narrate import Narrator
    from ..teach.text import Paint

NARROW, WIDTH = 60, 100  # columns

# What a text is -> how a terminal shows it: Select Graphic Rendition (console_codes(4)). The colours are those of
# `explain`, without click, which takes longer to import than the whole narration.
RENDITIONS = {"heading": "1", "about": "2", "number": "33", "shell": "32", "call": "36", "source": "34", "note": "31"}


def observer(values: Mapping[str, Any]) -> Observer:
    """Raises StateError where what is asked for can't be had."""
    observers: list[Observer] = []
    if values["narrate"] or values.get("step") or values.get("narrate_full"):
        told = narrator(values)
        observers = [*before_and_after(told, values), told]
    if values.get("timeline"):
        observers.append(timeline(os.path.abspath(values["timeline"])))
    if len(observers) == 1:
        return observers[0]
    from ..teach.several import Several

    return Several(*observers)


def before_and_after(told: Narrator, values: Mapping[str, Any]) -> list[Observer]:
    if not values.get("narrate_full"):
        return []
    from ..teach.before_after import BeforeAndAfter

    return [BeforeAndAfter(told)]


def timeline(path: str) -> Observer:
    from ..teach.timeline import Timeline
    from ..teach.whole_file import check_writable

    check_writable(path)
    return Timeline(path)


def narrator(values: Mapping[str, Any]) -> Narrator:
    from ..teach.narrate import Narrator

    how = painting(sys.stderr), columns(sys.stderr)
    if not values.get("step"):
        return Narrator(sys.stderr.fileno(), *how)
    from ..teach.stepping import Stepper  # imports what `explain` does

    return Stepper(sys.stderr.fileno(), *how)


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
