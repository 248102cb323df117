"""The table of clauses and runtimes: as text, as Markdown, as JSON."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from .known import known
from .suite import CASES, FAIL, KNOWN, MEANINGS, MUST, NOT_TESTABLE, PASS, SURPRISE, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .known import Known
    from .suite import Case

SPEC = "https://github.com/opencontainers/runtime-spec/blob/v1.3.0/"

Outcomes = dict[str, dict[str, Outcome]]  # by the case's name, then by the runtime's title


def sections(cases: Iterable[Case]) -> Iterator[tuple[str, list[Case]]]:
    """The cases by heading of the spec, both in the order in which they stand in the files."""
    by_anchor: dict[str, list[Case]] = {}
    for case in cases:
        by_anchor.setdefault(case.anchor, []).append(case)
    yield from by_anchor.items()


def by_case(outcomes: Iterable[Outcome]) -> Outcomes:
    table: Outcomes = {}
    for outcome in outcomes:
        table.setdefault(outcome.case.name, {})[outcome.runtime] = outcome
    return table


def judged(case: Case, runtime: str, kind: str, found: str, reason: Known | None, seconds: float) -> Outcome:
    """The outcome of a case that has passed, failed, or not been tested, in the light of what is known."""
    if reason and kind == FAIL:
        kind = KNOWN
    elif reason and kind == PASS and not reason.sometimes:
        kind = SURPRISE
    why = str(reason) if reason and kind in (KNOWN, SURPRISE) else ""
    return Outcome(case, runtime, kind, found, why, seconds)


def kind_of(table: Outcomes, case: Case, runtime: str) -> str:
    """Empty for a case that an earlier report does not have."""
    outcome = table.get(case.name, {}).get(runtime)
    return outcome.kind if outcome else ""


def unexplained(outcomes: Iterable[Outcome]) -> list[Outcome]:
    return [outcome for outcome in outcomes if outcome.kind == FAIL and outcome.case.level == MUST]


def counts(outcomes: Iterable[Outcome], runtime: str) -> Counter[str]:
    return Counter(outcome.kind for outcome in outcomes if outcome.runtime == runtime)


# ---- text


def text_table(cases: list[Case], runtimes: list[str], outcomes: list[Outcome]) -> str:
    table, width = by_case(outcomes), max(len(case.name) for case in cases) + 2
    lines = [" " * (width + 10) + "".join(f"{title:16}" for title in runtimes)]
    for anchor, members in sections(cases):
        lines += ["", anchor]
        for case in members:
            kinds = "".join(f"{kind_of(table, case, title):16}" for title in runtimes)
            lines.append(f"  {case.name:{width}}{case.level:8}{kinds}".rstrip())
    for title in runtimes:
        found = counts(outcomes, title)
        lines += ["", f"{title}: " + ", ".join(f"{found[kind]} {kind}" for kind in MEANINGS if found[kind])]
    return "\n".join(lines)


def text_details(outcomes: list[Outcome]) -> str:
    """For each failure the sentence that is broken; the reasons for what was not tested, once each."""
    lines = []
    for outcome in outcomes:
        if outcome.kind in (FAIL, KNOWN, SURPRISE):
            lines += ["", f"{outcome.kind}  {outcome.runtime}  {outcome.case.name}"]
            lines += [f"  {outcome.case.anchor} ({outcome.case.level}): {outcome.case.sentence}"]
            lines += [f"  {name}: {text}" for name, text in (("found", outcome.found), ("why", outcome.why)) if text]
    reasons = Counter(f"{outcome.runtime}: {outcome.found}" for outcome in outcomes if outcome.kind == NOT_TESTABLE)
    lines += ["", "not testable here:"] if reasons else []
    lines += [f"  {number:3} x {reason}" for reason, number in reasons.items()]
    return "\n".join(lines)


def text_slowest(outcomes: list[Outcome], number: int = 10) -> str:
    """Where a suite that has become slow can be made quicker."""
    slowest = sorted(outcomes, key=lambda outcome: outcome.seconds, reverse=True)[:number]
    total = sum(outcome.seconds for outcome in outcomes)
    lines = ["", f"the slowest of {len(outcomes)}, which took {total:.0f} seconds together:"]
    lines += [f"  {outcome.seconds:6.1f} s  {outcome.runtime}  {outcome.case.name}" for outcome in slowest]
    return "\n".join(lines)


# ---- Markdown


def markdown(cases: list[Case], machines: dict[str, str], outcomes: list[Outcome]) -> str:
    """`machines` says for each runtime where it was tried."""
    runtimes = list(machines)
    lines = ["| | " + " | ".join(runtimes) + " |", "|---|" + "---|" * len(runtimes)]
    lines.append("| machine | " + " | ".join(machines.values()) + " |")
    for kind, meaning in MEANINGS.items():
        numbers = " | ".join(str(counts(outcomes, title)[kind]) for title in runtimes)
        lines.append(f"| {kind}: {meaning} | {numbers} |")
    for anchor, members in sections(cases):
        lines += ["", f"### [{anchor}]({SPEC}{anchor})", "", *markdown_section(members, runtimes, by_case(outcomes))]
    lines += ["", "## The failures", "", *markdown_failures(outcomes)]
    return "\n".join(lines) + "\n"


def markdown_section(cases: list[Case], runtimes: list[str], table: Outcomes) -> list[str]:
    lines = [f"| case | | {' | '.join(runtimes)} |", "|---|---|" + "---|" * len(runtimes)]
    for case in cases:
        kinds = " | ".join(mark(kind_of(table, case, title)) for title in runtimes)
        lines.append(f"| `{case.name}` | {case.level} | {kinds} |")
    return lines


def mark(kind: str) -> str:
    return kind if kind in ("", PASS, NOT_TESTABLE) else f"**{kind}**"


def markdown_failures(outcomes: list[Outcome]) -> list[str]:
    lines = []
    for outcome in outcomes:
        if outcome.kind in (FAIL, KNOWN, SURPRISE):
            explanation = outcome.why or ("it can't be explained yet" if outcome.kind == FAIL else "")
            sentence = f"[{outcome.case.anchor}]({SPEC}{outcome.case.anchor}): “{outcome.case.sentence}”"
            lines.append(f"- **{outcome.runtime}**, `{outcome.case.name}`: {explanation}. {sentence}")
    return lines or ["None."]


# ---- JSON

PLAIN = {KNOWN: FAIL, SURPRISE: PASS}


def as_json(machines: dict[str, str], outcomes: Iterable[Outcome]) -> str:
    entries = [
        {
            "case": outcome.case.name,
            "anchor": outcome.case.anchor,
            "sentence": outcome.case.sentence,
            "level": outcome.case.level,
            "runtime": outcome.runtime,
            "outcome": outcome.kind,
            "found": outcome.found,
            "why": outcome.why,
            "seconds": round(outcome.seconds, 3),
        }
        for outcome in outcomes
    ]
    return json.dumps({"machines": machines, "outcomes": entries}, indent=1)


def from_json(text: str) -> tuple[dict[str, str], list[Outcome]]:
    """An earlier report, perhaps of another machine. Cases that have gone since are left out."""
    report = json.loads(text)
    outcomes = []
    for entry in report["outcomes"]:
        if entry["case"] in CASES:
            name, _, version = entry["runtime"].rpartition(" ")
            reason = known(name, version, entry["case"])  # it may have changed since the report was written
            kind = PLAIN.get(entry["outcome"], entry["outcome"])
            found, seconds = entry["found"], entry["seconds"]
            outcomes.append(judged(CASES[entry["case"]], entry["runtime"], kind, found, reason, seconds))
    return report["machines"], outcomes
