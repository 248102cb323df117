"""What came of the tests in several places, from the reports that pytest --junitxml writes: one table, what failed
where, what was skipped everywhere and why, and what took longest."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
OUTCOMES = {"failure": FAILED, "error": FAILED, "skipped": SKIPPED}


class Result(NamedTuple):
    """One test in one place."""

    place: str
    test: str
    outcome: str
    reason: str
    seconds: float


def read_reports(directory: Path, places: Sequence[str] = ()) -> list[Result]:
    """The results in a directory's reports, all or those of some places: each file is called after its place."""
    files = sorted(directory.glob("*.xml"))
    return [result for file in files if not places or file.stem in places for result in read_report(file)]


def read_report(file: Path) -> Iterator[Result]:
    for case in ElementTree.parse(file).iter("testcase"):
        test = case.get("classname", "").replace(".", "/") + ".py::" + case.attrib["name"]
        outcome, reason = outcome_of(case)
        yield Result(file.stem, test, outcome, reason, float(case.attrib["time"]))


def outcome_of(case: ElementTree.Element) -> tuple[str, str]:
    for child in case:
        if child.tag in OUTCOMES and child.get("type") != "pytest.xfail":  # a failure that was expected
            return OUTCOMES[child.tag], child.get("message", "")
    return PASSED, ""


def skipped_everywhere(results: Sequence[Result]) -> list[str]:
    """The tests that were skipped in every place that they came to."""
    done = {result.test for result in results if result.outcome != SKIPPED}
    return sorted({result.test for result in results if result.test not in done})


def summary(results: Sequence[Result]) -> str:
    return "\n".join([*table(results), *failures(results), *not_tested(results), *slowest(results)])


def table(results: Iterable[Result]) -> Iterator[str]:
    places: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        places[result.place].append(result)
    yield f"\n{'':12}{PASSED:>8}{FAILED:>8}{SKIPPED:>8}    time"
    for place, its in places.items():
        counts = [sum(result.outcome == outcome for result in its) for outcome in (PASSED, FAILED, SKIPPED)]
        minutes, seconds = divmod(round(sum(result.seconds for result in its)), 60)
        yield f"{place:12}" + "".join(f"{count:8}" for count in counts) + f"{minutes:5}:{seconds:02}"


def failures(results: Iterable[Result]) -> Iterator[str]:
    failed = [f"    {result.place}: {result.test}" for result in results if result.outcome == FAILED]
    if failed:
        yield from ("\nFailed:", *failed)


def not_tested(results: Sequence[Result]) -> Iterator[str]:
    """By the reason of the last place, which is the one that can do most, and without parameters: for a screen."""
    done = {result.test for result in results if result.outcome != SKIPPED}
    last = {result.test: result.reason for result in results if result.test not in done}
    tests: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for test, reason in last.items():
        tests[reason][test.partition("[")[0]] += 1
    if tests:
        yield "\nTested in no place:"
    for reason, functions in sorted(tests.items()):
        yield f"    {reason}:"
        for function, number in sorted(functions.items()):
            yield f"        {function}" + (f" ({number} of them)" if number > 1 else "")


def slowest(results: Iterable[Result]) -> Iterator[str]:
    yield "\nSlowest:"
    for result in sorted(results, key=lambda result: result.seconds, reverse=True)[:10]:
        yield f"    {result.seconds:6.1f} s  {result.place}: {result.test}"
