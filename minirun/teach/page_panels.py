"""What stands in a panel of the page's stage: a form for each kind of thing, with what the step has changed marked."""

from __future__ import annotations

from collections import Counter
from html import escape

from ..safe import safe
from .panels import MADE, NOTHING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from .explanation import Told
    from .panels import Panel

    Marks = Mapping[str, str]  # name -> what it was before the step; "" for what is new


TITLES = {
    "namespaces": "Namespaces",
    "mounts": "Files",
    "cgroup": "Limits",
    "capabilities": "Capabilities",
    "identity": "Identity",
    "process": "Process",
    "inside": "Inside of the namespaces",
    "devices": "Devices",
    "books": "Books, on the host",
}


def numbers(band: Sequence[Told]) -> str:
    first, last = band[0].number, band[-1].number
    return str(first) if first == last else f"{first}–{last}"


def body(name: str, panel: Panel, changed: Marks) -> tuple[str, ...]:
    """In pieces, since from one step to the next most of them stay."""
    return tuple(BODIES.get(name, facts)(panel, changed))


def html(text: str) -> str:
    return escape("\n".join(map(safe, text.split("\n"))))


def facts(panel: Panel, changed: Marks) -> Iterator[str]:
    """Names and values, in a flow."""
    yield "<dl>"
    for name, value in both(panel, changed):
        told = f"{was(name, panel, changed)}{html(value)}"
        yield f"<div{state(name, panel, changed)}><dt>{html(name)}</dt><dd>{told}</dd></div>"
    yield "</dl>"


def both(panel: Panel, changed: Marks) -> Iterator[tuple[str, str]]:
    """What there is, and what was there until now."""
    yield from panel.items()
    yield from ((name, value) for name, value in changed.items() if name not in panel)


def state(name: str, panel: Panel, changed: Marks, *more: str) -> str:
    words = [*more, *(["gone"] if name not in panel else ["changed"] if name in changed else [])]
    return f' class="{" ".join(words)}"' if words else ""


def was(name: str, panel: Panel, changed: Marks) -> str:
    """The value that the present one has replaced."""
    before = changed.get(name, "") if name in panel else ""
    return f"<del>{html(before)}</del> " if before else ""


def boxes(panel: Panel, changed: Marks) -> Iterator[str]:
    """A box for each namespace: the container's own, or one that is shared."""
    yield '<ul class="boxes">'
    for name, whose in panel.items():
        kind = WHOSE.get(whose, "joined")
        yield f"<li{state(name, panel, changed, kind)}><b>{name}</b> <small>{html(whose)}</small></li>"
    yield "</ul>"


WHOSE = {"the host's": "shared", "its own": "own"}


def names(panel: Panel, changed: Marks) -> Iterator[str]:
    """Where there is one value for all."""
    yield "<p>"
    for name, value in both(panel, changed):
        yield f"<span{state(name, panel, changed)}>{html(name)}{'' if value == MADE else f' {html(value)}'}</span> "
    yield "</p>"


def lamps(panel: Panel, changed: Marks) -> Iterator[str]:
    """A lamp for each capability: bright where it is effective, half where it may become so, out where it is lost."""
    lights = {name: light(sets) for name, sets in panel.items()}
    count = Counter(lights.values())
    yield '<ul class="lamps" aria-hidden="true">'
    for name, lit in lights.items():
        about = f"{name}: {panel[name]}"
        yield f'<li{state(name, panel, changed, lit)} title="{html(about)}"></li>'
    yield "</ul>"
    counted = (f"{count[lit]} {about}" for lit, about in LIGHTS.items() if count[lit])
    yield f"<p>{', '.join(counted)}</p>" if panel else ""


LIGHTS = {"lit": "effective", "dim": "to be had", "out": "given up"}


def light(sets: str) -> str:
    if "effective" in sets:
        return "lit"
    return "out" if sets == NOTHING else "dim"


def files(panel: Panel, changed: Marks) -> Iterator[str]:
    """Mounts below what they are mounted on; places that are only covered, in a line."""
    covered = {name for name, value in both(panel, changed) if value.endswith("if it is there")}
    yield '<ul class="tree">'
    for name, value in as_tree([*both(panel, changed)]):
        if name not in covered:
            depth = name.count("/") if name.startswith("/") and len(name) > 1 else 0
            row = f"{was(name, panel, changed)}{html(value)}"
            yield f'<li{state(name, panel, changed)} style="--depth:{depth}"><b>{html(name)}</b> {row}</li>'
    yield "</ul>"
    for title, is_hidden in (("hidden", True), ("read-only", False)):
        names = [name for name in covered_in_order(panel, covered) if panel[name].startswith("hidden") is is_hidden]
        if names:
            yield f'<p class="covered"><b>{title}</b>'
            yield from (f" <span{state(name, panel, changed)}>{html(name)}</span>" for name in names)
            yield "</p>"


def as_tree(rows: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Each mount behind what it lies on, and else in the order in which they came."""
    order = {name: number for number, (name, _value) in enumerate(rows)}

    def way(row: tuple[str, str]) -> list[int]:
        name = row[0]
        above = (name[:place] or "/" for place, sign in enumerate(name) if sign == "/")
        return [*sorted(order[one] for one in above if one in order), order[name]]

    return sorted(rows, key=way)


def covered_in_order(panel: Panel, covered: set[str]) -> list[str]:
    return [name for name in panel if name in covered]


BODIES: Mapping[str, Callable[[Panel, Marks], Iterator[str]]] = {
    "namespaces": boxes,
    "capabilities": lamps,
    "mounts": files,
    "devices": names,
    "books": names,
}
