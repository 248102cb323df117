"""`minirun stats`: what containers use, printed: as a picture for people, as JSON for programs."""

from __future__ import annotations

import json
import os
import sys
import time

from .. import operations
from .output import say_json, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..runtime.usage import Look
    from .drawing import Drawing, Line

SAMPLE = 1.0  # seconds between two readings, for rates: ten periods of a usual cpu.max
WIDTH = 80  # columns where nobody says how many there are


def stats(root: str, names: tuple[str, ...], interval: float | None, as_json: bool) -> int:
    """Once, or with an interval until nothing that was named runs any more."""
    watch = operations.watch(root, names)
    tell = tell_json if as_json else tell_picture
    watch.look()
    time.sleep(min(SAMPLE, interval or SAMPLE))
    while True:
        look = watch.look()
        tell(look, names)
        if interval is None or (names and not look.containers):
            return 0
        time.sleep(interval)


def tell_json(look: Look, _names: tuple[str, ...]) -> None:
    """An object a line, for each container."""
    from ..cgroups.usage import plain

    for usage in look.containers:
        say_json(json.dumps(plain(usage)) + "\n")


def tell_picture(look: Look, names: tuple[str, ...]) -> None:
    """Those that are named, and one that is alone, are shown in full."""
    from .picture import picture

    shown = names or [usage.id for usage in look.containers][: len(look.containers) == 1]
    for line in picture(look, width(), drawing(os.environ), time.strftime("%H:%M:%S"), shown):
        show(painted(line, colours_wanted()).rstrip() + "\n")


def width() -> int:
    import shutil

    return shutil.get_terminal_size((WIDTH, 24)).columns


def drawing(environment: Mapping[str, str]) -> Drawing:
    """By the encoding that the locale names, locale(7): Python itself writes UTF-8 in the locale C as well."""
    from .drawing import ASCII, UNICODE

    told = environment.get("LC_ALL") or environment.get("LC_CTYPE") or environment.get("LANG") or ""
    return UNICODE if "utf8" in told.lower().replace("-", "") else ASCII


def colours_wanted() -> bool:
    """On a terminal that may have colours, unless the user wants none (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


STYLES: dict[str, dict[str, Any]] = {
    "title": {"bold": True},
    "chosen": {"reverse": True},
    "faint": {"dim": True},
    "high": {"bold": True},
    "full": {"bold": True, "fg": "red"},
    "good bar": {"fg": "green"},
    "high bar": {"fg": "yellow"},
    "full bar": {"fg": "red"},
}


def painted(line: Line, colours: bool) -> str:
    if not colours:
        return "".join(text for text, _ in line)
    import click

    return "".join(click.style(text, **STYLES[style]) if style in STYLES else text for text, style in line)
