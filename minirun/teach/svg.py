"""An explanation as one picture for slides: who does what and when they hand over, and beside it what comes of it."""

from __future__ import annotations

from html import escape
from itertools import accumulate, pairwise

from ..safe import safe
from .chapters import CHAPTERS
from .outcome import HOST, JOINED
from .scale import share, tick_label, ticks
from .text import WHO, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .explanation import Explanation, Told

# In pixels of a projector; letters of the chapters and numbers have 18, of all else 16.
WIDTH, ROW, TOP = 1280, 46, 88  # of the whole; of a section's row; of the first row
LANES = {"runtime": 20, "container": 484}  # where they begin
LANE, BOX = 424, 41  # how wide a lane is, how high a box
PANEL, PANEL_ROW = 936, 26  # what comes of it: where it begins; of its lines
VALUE = 140  # from the name to the value there
NAME_LETTERS, VALUE_LETTERS = 14, 21
LIMITS_SHOWN = 6
PART, PART_LETTERS, PARTS = 20, 48, 24  # what a hook does: a line's height, its letters, how many
PART_BELOW = 4
BAR, AXIS, LABEL = 3, 40, 56  # how high a bar of time is, the scale of these below all boxes, a label of it

STYLE = """
svg { --page: #fff; --text: #1a1a1a; --soft: #565656; --runtime: #0b5cad; --runtime-soft: #e6f0fa;
  --container: #0a7040; --container-soft: #e4f4ea; }
@media (prefers-color-scheme: dark) { svg { --page: #16181b; --text: #ececec; --soft: #b0b0b0; --runtime: #7db8f5;
  --runtime-soft: #1b2a3a; --container: #6fd6a0; --container-soft: #182e23; } }
.page { fill: var(--page); }
text { font: 16px system-ui, sans-serif; fill: var(--text); }
.title { font-size: 24px; font-weight: 600; }
.lane { font-size: 19px; font-weight: 600; }
.band { font-size: 18px; }
.soft { fill: var(--soft); font-size: 16px; }
.name { font-weight: 600; }
rect.runtime { fill: var(--runtime-soft); stroke: var(--runtime); }
rect.container { fill: var(--container-soft); stroke: var(--container); }
text.runtime { fill: var(--runtime); }
text.container { fill: var(--container); }
.bar.runtime { fill: var(--runtime); stroke: none; }
.bar.container { fill: var(--container); stroke: none; }
.tick { stroke: var(--soft); stroke-width: 1; }
.turn { stroke: var(--soft); stroke-width: 1.5; marker-end: url(#head); }
#head path { fill: var(--soft); }
"""
HEAD = """<marker id="head" markerWidth="8" markerHeight="8" refX="7" refY="4" orient="auto">
<path d="M0,0 8,4 0,8"/></marker>"""


def svg(explanation: Explanation) -> str:
    return "\n".join(lines(explanation)) + "\n"


def lines(explanation: Explanation) -> Iterator[str]:
    bands, panel = explanation.sections(), list(outcome_lines(explanation))
    *tops, below = accumulate((ROW + parts_height(band) for band in bands), initial=TOP)
    height = max(below + AXIS * bool(explanation.durations), TOP + len(panel) * PANEL_ROW) + 12
    title = f"The container {explanation.id}: {len(explanation.steps)} steps of two processes"
    if explanation.durations:
        title += f", {shown(sum(explanation.durations.values()))} in all"
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">'
    yield f"<title>{xml(title)}</title><style>{STYLE}</style><defs>{HEAD}</defs>"
    yield f'<rect class="page" width="{WIDTH}" height="{height}"/>'
    yield text(LANES["runtime"], 36, title, "title")
    yield from (text(LANES[process], TOP - 14, who, f"lane {process}") for process, who in WHO.items())
    yield from turns(bands, tops)
    for top, band in zip(tops, bands):
        yield from box(band, top, time_told(band, explanation))
        yield from bar(band, top, explanation)
    yield from scale(below, explanation)
    for place, (name, value, kind) in enumerate(panel):
        yield text(PANEL, TOP + 20 + place * PANEL_ROW, name, f"name {kind}")
        yield text(PANEL + VALUE, TOP + 20 + place * PANEL_ROW, value, "soft")
    yield "</svg>"


def xml(words: str) -> str:
    return escape(safe(words))


def text(x: int, y: int, words: str, kind: str) -> str:
    return f'<text x="{x}" y="{y}" class="{kind}">{xml(words)}</text>'


def clipped(words: str, length: int) -> str:
    words = safe(words)
    return words if len(words) <= length else f"{words[: length - 1]}…"


# ---- the timeline


def box(band: tuple[Told, ...], y: int, time: str) -> Iterator[str]:
    first, last = band[0], band[-1]
    x = LANES[first.process]
    numbers = str(first.number) if first is last else f"{first.number}–{last.number}"
    yield "<g>"
    yield f'<rect class="{first.process}" x="{x}" y="{y}" width="{LANE}" height="{BOX + parts_height(band)}" rx="4"/>'
    yield f'<text x="{x + 8}" y="{y + 17}" class="band"><tspan class="name">{first.chapter}</tspan> {numbers}</text>'
    yield text(x + 8, y + 35, CHAPTERS[first.chapter].meaning, "soft")
    if time:
        yield f'<text x="{x + LANE - 8}" y="{y + 17}" class="band" text-anchor="end">{xml(time)}</text>'
    for place, words in enumerate(parts_shown(band), start=1):
        yield text(x + 20, y + 35 + place * PART, clipped(words, PART_LETTERS), "soft")
    yield "</g>"


def parts_shown(band: tuple[Told, ...]) -> list[str]:
    """What hooks of minirun's own do; all of it, but for ports in great number."""
    found = [f"· {part.sentence}" for told in band for part in told.parts]
    return found if len(found) <= PARTS else [*found[:PARTS], f"… and {len(found) - PARTS} more"]


def parts_height(band: tuple[Told, ...]) -> int:
    found = parts_shown(band)
    return PART * len(found) + PART_BELOW * bool(found)


def bar(band: tuple[Told, ...], y: int, explanation: Explanation) -> Iterator[str]:
    """How long the chapter took, on the scale below."""
    took = time_of(band, explanation)
    if took:
        process = band[0].process
        width = LANE * took / longest(explanation)
        place = f'x="{LANES[process]}" y="{y + BOX + parts_height(band) - BAR}" width="{width:.1f}" height="{BAR}"'
        yield f'<rect class="bar {process}" {place}/>'


def time_told(band: tuple[Told, ...], explanation: Explanation) -> str:
    is_known = all(told.number in explanation.durations for told in band)
    part = share(time_of(band, explanation), sum(explanation.durations.values()))
    return f"{explanation.took(*band)} · {part}" if is_known else explanation.took(*band)


def time_of(band: tuple[Told, ...], explanation: Explanation) -> int:
    return sum(explanation.durations.get(told.number, 0) for told in band)


def longest(explanation: Explanation) -> int:
    return max([time_of(band, explanation) for band in explanation.sections()] + [1])


def scale(y: int, explanation: Explanation) -> Iterator[str]:
    if not explanation.durations:
        return
    whole = longest(explanation)
    for left in LANES.values():
        yield f'<line class="tick" x1="{left}" y1="{y + 8}" x2="{left + LANE}" y2="{y + 8}"/>'
        for tick in ticks(whole):
            x = left + LANE * tick / whole
            yield f'<line class="tick" x1="{x:.1f}" y1="{y + 3}" x2="{x:.1f}" y2="{y + 13}"/>'
            if x + LABEL <= left + LANE:
                yield text(int(x), y + 30, tick_label(tick, whole), "soft")


def turns(bands: list[tuple[Told, ...]], tops: list[int]) -> Iterator[str]:
    """An arrow where the one process hands over to the other."""
    for (before, after), (top, next_top) in zip(pairwise(bands), pairwise(tops)):
        if before[0].process != after[0].process:
            to_right = after[0].process == "container"
            left, right = LANES["runtime"] + LANE, LANES["container"]
            begin, end = (left, right) if to_right else (right, left)
            y = top + parts_height(before) + BOX // 2
            yield f'<line class="turn" x1="{begin}" y1="{y}" x2="{end}" y2="{next_top + BOX // 2}"/>'


# ---- what comes of it


def outcome_lines(explanation: Explanation) -> Iterator[tuple[str, str, str]]:
    """Name, value and class of each line of the panel."""
    outcome = explanation.outcome
    if not outcome.namespaces:
        return
    yield "Namespaces", "", "lane"
    for row in outcome.namespaces:
        value = (
            f"joined: {row.path}" if row.kind == JOINED else "shared with the host" if row.kind == HOST else row.kind
        )
        yield row.type, clipped(value, VALUE_LETTERS), "runtime" if row.kind == HOST else "container"
    yield "", "", ""
    yield "Cgroup", "", "lane"
    yield "path", clipped(outcome.cgroup or "its caller's", VALUE_LETTERS), ""
    limits = outcome.limits[:LIMITS_SHOWN]
    yield from (
        (clipped(limit.name, NAME_LETTERS), clipped(limit.value, VALUE_LETTERS), "container") for limit in limits
    )
    if len(outcome.limits) > len(limits):
        yield "…", f"{len(outcome.limits) - len(limits)} more", ""
    yield "", "", ""
    kinds = [mount.type if mount.type in COVERED else "mounted" for mount in outcome.mounts]
    yield "Mounts", "", "lane"
    yield from ((kind, str(kinds.count(kind)), "container") for kind in ("mounted", *COVERED))


COVERED = ("hidden", "read-only")
