"""What the page has of a run (`--timing FILE`): its times on a scale, and the container as it was seen beside the
picture of it."""

from __future__ import annotations

from itertools import groupby

from .as_seen import compared
from .page_panels import TITLES, html, numbers
from .scale import distance, share, tick_label, ticks
from .text import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .as_seen import Beside
    from .explanation import Explanation, Told

PLAY_FOR = 60_000  # milliseconds that a film takes which is played as it ran
SHORTEST = 100  # of them, for a step that would not be seen
ENDED = "The run ended here"


# ---- times


def times(explanation: Explanation) -> Iterator[str]:
    """A row for each chapter of each process, and in it each step where it was, all on one scale."""
    if not explanation.durations:
        return
    begun = beginnings(explanation)
    whole = max((begun[number] + took for number, took in explanation.durations.items()), default=0)
    measured = sum(explanation.durations.values())
    yield f"<p>{summary(explanation, whole, measured)}</p>"
    tick = f"--tick:{100 * distance(whole) / (whole or 1):.3f}%"
    yield f'<table class="times" style="{tick}"><thead><tr><th>Chapter</th><th>{"".join(axis(whole))}</th>'
    yield "<th>Time</th><th>Share</th></tr></thead><tbody>"
    for band in explanation.sections():
        yield from times_row(band, explanation, begun, whole, measured)
    yield f"</tbody><tfoot><tr><th>In all</th><td></td><td>{shown(measured)}</td><td>100 %</td></tr></tfoot></table>"


def beginnings(explanation: Explanation) -> dict[int, int]:
    """Where nobody has noted them, each step begins when the one before is done."""
    found: dict[int, int] = {}
    end = 0
    for number, took in sorted(explanation.durations.items()):
        found[number] = explanation.run.begun.get(number, end)
        end = max(end, found[number] + took)
    return found


def summary(explanation: Explanation, whole: int, measured: int) -> str:
    count, longest = len(explanation.durations), max(explanation.durations, key=explanation.durations.__getitem__)
    took = explanation.durations[longest]
    lines = [
        f"One run. Its {count} measured steps took {shown(measured)} of {shown(whole)}; the rest is between them.",
        f'The longest is <a href="#step-{longest}">step {longest}</a>: {shown(took)}, {share(took, measured)}.',
    ]
    if explanation.run.failed:
        link = f'<a href="#step-{explanation.run.failed}">step {explanation.run.failed}</a>'
        lines.append(f"<strong>{link} ended it: {html(explanation.run.why)}.</strong>")
    return " ".join(lines)


def axis(longest: int) -> Iterator[str]:
    yield '<span class="axis">'
    for tick in ticks(longest):
        yield f'<span style="--from:{100 * tick / (longest or 1):.3f}%">{tick_label(tick, longest)}</span>'
    yield "</span>"


def times_row(
    band: Sequence[Told], explanation: Explanation, begun: dict[int, int], whole: int, measured: int
) -> Iterator[str]:
    first, known = band[0], [told for told in band if told.number in explanation.durations]
    yield f'<tr class="{first.process}"><th><a href="#step-{first.number}">{html(first.chapter)}</a> '
    yield f'<small>{numbers(band)}</small></th><td class="track">'
    for told in known:
        took = explanation.durations[told.number]
        place = f"--from:{100 * begun[told.number] / (whole or 1):.3f}%;--share:{100 * took / (whole or 1):.3f}%"
        about = f"{told.number} {told.sentence}: {shown(took)}, {share(took, measured)}"
        yield f'<span class="segment" style="{place}" title="{html(about)}"></span>'
    part = sum(explanation.durations[told.number] for told in known)
    yield f"</td><td>{explanation.took(*band)}</td><td>{share(part, measured) if known else ''}</td></tr>"


# ---- steps


def came_of(told: Told, explanation: Explanation) -> str:
    """Of a step in this run: how long it took, its share, and what the plan could not know; "" without a run."""
    if not explanation.durations:
        return ""
    run = explanation.run
    if told.number == run.failed:
        return f"{ENDED}: {run.why}"
    if run.failed and told.number not in explanation.durations:
        return "The run has not come to this step"
    took = explanation.durations.get(told.number)
    part = "" if took is None else f", {share(took, sum(explanation.durations.values()))}"
    words = f"took {explanation.took(told)}{part}" if part else "not measured"
    result = run.results.get(told.number, "")
    return words + (f" → {result}" if result else "")


def pace(explanation: Explanation) -> tuple[int, list[int]]:
    """By how much the film is slowed that is played as it ran, and for how many milliseconds each step is to come."""
    measured = max(sum(explanation.durations.values()), 1)
    wished = PLAY_FOR * 1_000_000 / measured
    digits = 10 ** max(len(str(int(wished))) - 1, 0)
    slowed = max(int(wished) // digits * digits, 1)
    waits = (explanation.durations.get(told.number, 0) * slowed // 1_000_000 for told in explanation.steps)
    return slowed, [max(wait, SHORTEST) for wait in waits]


# ---- as seen


def beside(explanation: Explanation) -> tuple[Beside, ...]:
    run = explanation.run
    is_known = explanation.stages and 0 < run.seen_after < len(explanation.stages)
    return compared(explanation.stages[run.seen_after], run.seen) if is_known else ()


def seen(explanation: Explanation) -> Iterator[str]:
    """A row for each thing that is worth a look; of capabilities, which are many, only those that differ."""
    rows = beside(explanation)
    if not rows:
        return
    after = explanation.run.seen_after
    yield f'<p>What /proc showed of the process after <a href="#step-{after}">step {after}</a> of the run, '
    yield f"beside what the plan says of that moment: {counted(rows)}.</p>"
    yield '<table class="map seen"><thead><tr><th>What</th><th>As predicted</th><th>As seen</th><th></th></tr></thead>'
    for panel, things in groupby(rows, lambda one: one.panel):
        yield from seen_rows(panel, list(things))
    yield "</table>"


def seen_rows(panel: str, things: list[Beside]) -> Iterator[str]:
    yield f'<tr><th colspan="4">{TITLES.get(panel, html(panel))} <small>{counted(things)}</small></th></tr>'
    for one in things:
        if panel != "capabilities" or not one.agrees:
            mark = "✓" if one.agrees else "✗"
            state = "" if one.agrees else ' class="otherwise"'
            yield f"<tr{state}><td>{html(one.name)}</td><td>{html(one.predicted)}</td><td>{html(one.seen)}</td>"
            yield f"<td>{mark}</td></tr>"


def counted(things: Sequence[Beside]) -> str:
    right = sum(one.agrees for one in things)
    return f"{right} of {len(things)} as predicted"


def badges(explanation: Explanation) -> dict[str, str]:
    """For the heads of panels, while the film is at the moment that was seen."""
    grouped = groupby(beside(explanation), lambda one: one.panel)
    return {panel: badge(list(things)) for panel, things in grouped}


def badge(things: list[Beside]) -> str:
    wrong = [one.name for one in things if not one.agrees]
    return f"✗ seen otherwise: {', '.join(wrong)}" if wrong else "✓ seen so"
