"""The table in docs/engines.md: which operation of which engine works with its own runtime, and with minirun.

    sudo tests/vm/test --engines --reports reports
    python3 -m tests.engines.document reports/engines*.xml      takes over what came out, and writes the table anew
    python3 -m tests.engines.document                           only writes it anew

docs/engines.json keeps what came out of each test when it last ran, so that a run of some changes their rows only.
"""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

REPOSITORY = Path(__file__).resolve().parents[2]
RESULTS, DOCUMENT = REPOSITORY / "docs" / "engines.json", REPOSITORY / "docs" / "engines.md"
TESTS = Path("tests/engines")
BEGIN, END = "<!-- what follows is made by tests/engines/document.py -->\n", "<!-- until here -->\n"
WORKS, FAILS, SKIPPED = "works", "fails", "skipped"


NOTED = ("engine", "side", "runtime", "version", "machine")  # by conftest.py, for each test


class Result(NamedTuple):
    """What came of one test on one side."""

    test: str  # such as test_podman.test_run
    engine: str  # such as Podman, root, systemd
    side: str  # reference or minirun
    outcome: str
    reason: str
    runtime: str
    version: str  # of the engine
    machine: str

    @property
    def key(self) -> tuple[str, str, str]:
        return self.test, self.engine, self.side


# ---- what came out


def read_results() -> list[Result]:
    return [Result(**entry) for entry in json.loads(RESULTS.read_text())] if RESULTS.exists() else []


def write_results(results: Iterable[Result]) -> None:
    lines = (json.dumps(result._asdict(), ensure_ascii=False) for result in results)
    RESULTS.write_text("[\n" + ",\n".join(lines) + "\n]\n")


def results_of(report: Path) -> Iterator[Result]:
    """From JUnit's XML, where conftest.py has noted what the document needs."""
    for case in ElementTree.parse(report).iter("testcase"):
        noted = {entry.attrib["name"]: entry.attrib["value"] for entry in case.iter("property")}
        if noted.keys() >= set(NOTED):
            test = case.attrib["classname"].rpartition(".")[2] + "." + case.attrib["name"].partition("[")[0]
            outcome, reason = outcome_of(case)
            yield Result(test=test, outcome=outcome, reason=reason, **{name: noted[name] for name in NOTED})


def outcome_of(case: ElementTree.Element) -> tuple[str, str]:
    for child in case:
        if child.tag in ("failure", "error") or child.get("type") == "pytest.xfail":
            return FAILS, child.get("message", "").partition("\n")[0]
        if child.tag == "skipped":
            return SKIPPED, child.get("message", "")
    return WORKS, ""


def merged(old: Iterable[Result], new: Iterable[Result]) -> list[Result]:
    """A newer result takes an older one's place, unless it says only that nothing was tried. Without tests gone."""
    kept = {result.key: result for result in old}
    for result in new:
        if result.outcome != SKIPPED or result.key not in kept:
            kept[result.key] = result
    names = list(all_tests())

    def place(result: Result) -> tuple[int, str, bool]:
        return names.index(result.test), result.engine, result.side != "reference"

    return sorted((result for result in kept.values() if result.test in names), key=place)


def all_tests() -> dict[str, str]:
    """Each with its operation, in the order of the files, which is that of the table."""
    return {
        f"{path.stem}.{node.name}": (ast.get_docstring(node) or node.name).partition("\n")[0]
        for path in sorted((REPOSITORY / TESTS).glob("test_*.py"))
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def worse(results: Iterable[Result]) -> list[str]:
    """Where the reference works and minirun does not: there must be none."""
    outcomes = {result.key: result.outcome for result in results}
    return [
        f"{test} with {engine}"
        for (test, engine, side), outcome in outcomes.items()
        if side == "reference" and outcome == WORKS and outcomes.get((test, engine, "minirun"), WORKS) != WORKS
    ]


# ---- the document


def render(text: str, results: Sequence[Result]) -> str:
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    families = dict.fromkeys(family(result) for result in results)
    tables = "\n".join(table(name, [result for result in results if family(result) == name]) for name in families)
    return f"{before}{BEGIN}\n{tables}\n{''.join(without_result(results))}{END}{after}"


def without_result(results: Iterable[Result]) -> Iterator[str]:
    tried = {result.test for result in results}
    missing = {name: operation for name, operation in all_tests().items() if name not in tried}
    if missing:
        yield "Tests of which there is no result yet:\n\n"
        yield from (f"- {operation} (`{name}`)\n" for name, operation in missing.items())
        yield "\n"


def family(result: Result) -> str:
    return result.engine.partition(", ")[0]


def table(name: str, results: Sequence[Result]) -> str:
    """One engine: a row for each operation, a column for each way to run that engine."""
    kinds = list(dict.fromkeys(result.engine.partition(", ")[2] for result in results))
    versions = sorted({f"{name} {result.version}" for result in results})
    runtimes = sorted({result.runtime for result in results if result.side == "reference"})
    head = [f"### {name}", "", f"{', '.join(versions)}; the reference is {', '.join(runtimes)}.", ""]
    head += [f"| operation | {' | '.join(kind or name for kind in kinds)} |", "|---" * (len(kinds) + 1) + "|"]
    operations, tests = all_tests(), dict.fromkeys(result.test for result in results)
    return "\n".join([*head, *(row(results, name, kinds, test, operations[test]) for test in tests), ""])


def row(results: Sequence[Result], name: str, kinds: Sequence[str], test: str, operation: str) -> str:
    cells = (cell(results, test, f"{name}, {kind}" if kind else name) for kind in kinds)
    return f"| {operation.replace('|', chr(92) + '|')} | {' | '.join(cells)} |"


def cell(results: Sequence[Result], test: str, engine: str) -> str:
    its = {result.side: result for result in results if (result.test, result.engine) == (test, engine)}
    if len(its) < 2 or SKIPPED in {result.outcome for result in its.values()}:
        return "·"
    reference, minirun = its["reference"], its["minirun"]
    where = " (QEMU)" if reference.machine == "QEMU" else ""
    return WORDS[reference.outcome == WORKS, minirun.outcome == WORKS] + where


WORDS = {(True, True): "both", (True, False): "**reference only**", (False, True): "minirun only", (False, False): "–"}


def main() -> None:
    new = [result for report in sys.argv[1:] for result in results_of(Path(report))]
    results = merged(read_results(), new)
    write_results(results)
    DOCUMENT.write_text(render(DOCUMENT.read_text(), results))
    for line in worse(results):
        print(f"works with the reference and not with minirun: {line}", file=sys.stderr)


if __name__ == "__main__":
    main()
