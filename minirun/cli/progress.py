"""How much of an image is here, as a bar at a terminal. Several transfers tell of it at the same time."""

from __future__ import annotations

import threading

import click

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def bar(total: int) -> Callable[[int], None]:
    """Tell of so many more bytes with each call."""
    lock = threading.Lock()
    shown: Any = click.progressbar(length=total, label="fetching", file=click.get_text_stream("stderr"))  # type: ignore[operator, unused-ignore]
    shown.render_progress()
    done = 0

    def more(count: int) -> None:
        nonlocal done
        with lock:
            done += count
            shown.update(count)
            if done >= total:
                shown.render_finish()

    return more
