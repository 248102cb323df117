"""What `top` shows, and what keys do to it."""

from __future__ import annotations

from ..record import Record
from .details import details, notes
from .drawing import CHOSEN, FAINT, TEXT, fit
from .picture import NARROWEST, heading, table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..runtime.usage import Look, Usage
    from .drawing import Drawing, Line

UP, DOWN = "up", "down"
STEPS = {UP: -1, "k": -1, DOWN: 1, "j": 1}

# Keys that sort: by what, and a number that is the higher the further up its container stands.
ORDERS: dict[str, tuple[str, Callable[[Usage], float]]] = {
    "n": ("name", lambda usage: 0),
    "c": ("cpu", lambda usage: usage.cpu.percent or 0 if usage.cpu else 0),
    "m": ("memory", lambda usage: usage.memory.percent if usage.memory else 0),
    "p": ("pids", lambda usage: usage.pids.used if usage.pids else 0),
    "w": ("waits", lambda usage: max((one.some_percent for one in usage.pressure.values() if one), default=0)),
}


class View(Record):
    """What the user has chosen to see."""

    chosen: str = ""  # an id; the first, while there is none such
    order: str = "n"


def pressed(view: View, key: str, look: Look) -> View:
    """What a key makes of the view. Others do nothing."""
    if key in ORDERS:
        return view.replace(order=key)
    containers = ordered(look.containers, view.order)
    if key not in STEPS or not containers:
        return view
    place = min(max(0, place_of(view, containers) + STEPS[key]), len(containers) - 1)
    return view.replace(chosen=containers[place].id)


def ordered(containers: Sequence[Usage], order: str) -> list[Usage]:
    _, height = ORDERS[order]
    return sorted(containers, key=lambda usage: (-height(usage), usage.id))


def place_of(view: View, containers: Sequence[Usage]) -> int:
    return next((place for place, usage in enumerate(containers) if usage.id == view.chosen), 0)


def page(look: Look, view: View, columns: int, rows: int, drawing: Drawing, clock: str) -> list[Line]:
    """As many lines as there are rows: all containers, the chosen one in full, and what the keys are."""
    width = max(columns, NARROWEST)
    containers = ordered(look.containers, view.order)
    place = place_of(view, containers)
    chosen = containers[place] if containers else None
    below: list[Line] = [[], *details(chosen, width, drawing), *notes([chosen])] if chosen else []
    room = rows - len(("heading", "", "headings", "keys"))
    if room - len(below) < min(3, len(containers)):
        below = []  # the overview first
    room = max(1, room - len(below))
    first = max(0, min(place - room // 2, len(containers) - room))
    listed = table(containers[first : first + room], width, drawing, chosen.id if chosen else "")
    lines = [heading(look, width, clock), [], *listed, *below, *[[]] * rows][: rows - 1]
    return [fit(line, columns, drawing) for line in (*lines, keys(view))]


def keys(view: View) -> Line:
    line: Line = [("q: end   up, down: choose   sort ", FAINT)]
    for key, (name, _) in ORDERS.items():
        line += [(f"{key}: {name}", CHOSEN if key == view.order else FAINT), ("  ", TEXT)]
    return line
