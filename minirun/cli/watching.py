"""Who looks on as a plan is walked down: --narrate, --step and --timeline."""

from __future__ import annotations

import os
import sys

from .terminal import columns, painting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..steps.step import Observer
    from ..teach.narrate import Narrator


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
