"""Who looks on as a plan is walked down: --narrate, --step with --predictions, and --timeline."""

from __future__ import annotations

import os
import sys

from ..errors import StateError
from .terminal import columns, painting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..steps.step import Observer
    from ..teach.before_after import BeforeAndAfter
    from ..teach.narrate import Narrator
    from ..teach.text import Paint


def observer(values: Mapping[str, Any]) -> Observer:
    """Raises StateError where what is asked for can't be had."""
    observers: list[Observer] = []
    looking = None
    if values.get("predictions") and not values["step"]:
        raise StateError("--predictions writes down what is typed at the questions of --step\n  cure:  add --step")
    if values["narrate"] or values.get("step") or values.get("narrate_full"):
        told = narrator(values)
        looking = before_and_after(told) if values.get("narrate_full") else None
        observers = [looking, told] if looking else [told]
    if values.get("timeline"):
        observers.append(timeline(os.path.abspath(values["timeline"]), looking))
    if len(observers) == 1:
        return observers[0]
    from ..teach.several import Several

    return Several(*observers)


def before_and_after(told: Narrator) -> BeforeAndAfter:
    from ..teach.before_after import BeforeAndAfter

    return BeforeAndAfter(told)


def timeline(path: str, looking: BeforeAndAfter | None) -> Observer:
    """Where another one has looked at the process, the file has what it saw."""
    from ..teach.timeline import Timeline
    from ..teach.whole_file import check_writable

    check_writable(path)
    return Timeline(path, looking)


def narrator(values: Mapping[str, Any]) -> Narrator:
    from ..teach.narrate import Narrator

    how = painting(sys.stderr), columns(sys.stderr)
    return stepper(values, *how) if values.get("step") else Narrator(sys.stderr.fileno(), *how)


def stepper(values: Mapping[str, Any], paint: Paint, width: int) -> Narrator:
    from ..teach.predicting import open_file
    from ..teach.stepping import Stepper  # imports what `explain` does

    asking = Stepper(sys.stderr.fileno(), paint, width)
    if values.get("predictions"):
        asking.predictor.file = open_file(values["predictions"])
    return asking
