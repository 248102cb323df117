"""docs/conformance.md: clause of the spec -> what of minirun keeps it -> what proves that.

    python3 -m tests.conformance.document        writes it anew, from docs/conformance.toml and what is in the code

The table of clauses is ours; that nothing in it is out of date, and nothing left out, is found in the code: its
functions and classes, the anchors of the spec that they cite, the cases of this suite, and the tests.
"""

from __future__ import annotations

import ast
import fnmatch
import functools
import re
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from . import clauses as _clauses  # noqa: F401  (importing them registers the cases)
from .known import MINIRUN
from .report import SPEC
from .suite import CASES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCE, DOCUMENT = REPOSITORY / "docs" / "conformance.toml", REPOSITORY / "docs" / "conformance.md"
ANCHOR = re.compile(r"\b(?:bundle|config|config-linux|features|features-linux|runtime|runtime-linux)\.md#[a-z0-9-]+")

INTRODUCTION = """\
# The spec, clause by clause

What the OCI runtime spec 1.3 asks of a runtime on Linux, in our own words; which function or step of minirun does it;
and which test would fail if it did not. Most of the tests are cases of [the conformance suite](conformance-suite.md),
which run on other runtimes, too, and quote the sentence that they are about (`python3 -m tests.conformance --list`).

This file is made of [conformance.toml](conformance.toml) by `python3 -m tests.conformance.document`. A test fails when
a clause has neither a test nor a reason, when a name in it does not exist any more, and when a case of the suite, or a
place in minirun's code that cites the spec, is not in it.
"""


class Clause(NamedTuple):
    anchor: str
    says: str
    by: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()  # patterns
    tests: tuple[str, ...] = ()
    missing: str = ""


def read_clauses() -> list[Clause]:
    sections = tomllib.loads(SOURCE.read_text())
    return [
        Clause(
            anchor,
            entry["says"],
            *(tuple(entry.get(key, "").split()) for key in ("by", "cases", "tests")),
            entry.get("missing", ""),
        )
        for anchor, entries in sections.items()
        for entry in entries
    ]


# ---- what is in the code


class Symbol(NamedTuple):
    file: Path
    name: str
    text: str

    @property
    def full_name(self) -> str:
        return f"{'.'.join(self.file.with_suffix('').parts[1:])}.{self.name}"


@functools.cache
def symbols(folder: str) -> tuple[Symbol, ...]:
    """The functions and classes at the top of each file."""
    return tuple(symbol for file in files_of(folder) for symbol in symbols_of(file))


def files_of(folder: str) -> list[Path]:
    """But labs, which keep no clause and have names of their own kind; and what is about images, which keeps another
    spec."""
    return [file for file in sorted((REPOSITORY / folder).rglob("*.py")) if not {"labs", "images"} & {*file.parts}]


def symbols_of(file: Path) -> Iterator[Symbol]:
    text = file.read_text()
    lines = text.splitlines()
    for node in ast.parse(text).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            its_lines = lines[node.lineno - 1 : node.end_lineno]
            yield Symbol(file.relative_to(REPOSITORY), node.name, "\n".join(its_lines))


def by_name(found: Iterable[Symbol]) -> dict[str, Symbol]:
    """Each under its full name, and under all shorter ones that are nobody else's."""
    table: dict[str, list[Symbol]] = {}
    for symbol in found:
        parts = symbol.full_name.split(".")
        for first in range(len(parts)):
            table.setdefault(".".join(parts[first:]), []).append(symbol)
    return {name: named[0] for name, named in table.items() if len(named) == 1}


def citations() -> Iterator[tuple[Path, str]]:
    """Every anchor that is cited in minirun or its tests, with the file."""
    for folder in ("minirun", "tests"):
        for file in files_of(folder):
            for anchor in ANCHOR.findall(file.read_text()):
                yield file.relative_to(REPOSITORY), anchor


def cases_of(clause: Clause) -> list[str]:
    """Without the values in brackets."""
    names = dict.fromkeys(base(case.name) for case in CASES.values() if case.anchor == clause.anchor)
    return [name for name in names if any(fnmatch.fnmatchcase(name, pattern) for pattern in clause.cases)]


def base(case: str) -> str:
    return case.partition("[")[0]


# ---- what is wrong


def problems(clauses: list[Clause]) -> list[str]:
    return [*out_of_date(clauses), *left_out(clauses)]


def out_of_date(clauses: list[Clause]) -> Iterator[str]:
    code, tests = by_name(symbols("minirun")), by_name(symbols("tests"))
    for clause in clauses:
        where = f"{clause.anchor}, {clause.says!r}"
        if not clause.missing and not clause.by:
            yield f"{where}: neither kept by anything nor missing for a reason"
        if not clause.cases and not clause.tests:
            yield f"{where}: nothing proves it"
        yield from (f"{where}: no single {name} in minirun" for name in clause.by if name not in code)
        yield from (f"{where}: no single {name} in the tests" for name in clause.tests if name not in tests)
        for pattern in clause.cases:
            if not cases_of(clause._replace(cases=(pattern,))):
                yield f"{where}: no case of this heading is called {pattern}"


def left_out(clauses: list[Clause]) -> Iterator[str]:
    anchors = {clause.anchor for clause in clauses}
    yield from (f"{file} cites {anchor}, which no clause has" for file, anchor in citations() if anchor not in anchors)
    placed = Counter((clause.anchor, name) for clause in clauses for name in cases_of(clause))
    for case in CASES.values():
        if (times := placed[case.anchor, base(case.name)]) != 1:
            yield f"{case.anchor}: the case {case.name} belongs to {times} clauses"
    code = by_name(symbols("minirun"))
    used = {(clause.anchor, code[name]) for clause in clauses for name in clause.by if name in code}
    for symbol in symbols("minirun"):
        for anchor in sorted(set(ANCHOR.findall(symbol.text))):
            if (anchor, symbol) not in used:
                yield f"{symbol.full_name} cites {anchor}, and is at none of its clauses"


# ---- the document


def render(clauses: list[Clause]) -> str:
    lines = [INTRODUCTION, summary(clauses)]
    for file in dict.fromkeys(clause.anchor.partition("#")[0] for clause in clauses):
        of_file = [clause for clause in clauses if clause.anchor.startswith(f"{file}#")]
        lines += ["", f"## [{file}]({SPEC}{file})", "", "| | clause | minirun | proved by |", "|---|---|---|---|"]
        lines += rows(of_file)
    return "\n".join(lines) + "\n"


def summary(clauses: list[Clause]) -> str:
    not_kept = [clause for clause in clauses if clause.missing or broken(clause)]
    proved = len({name for clause in clauses for name in cases_of(clause)})
    return (
        f"{len(clauses)} clauses; {len(not_kept)} are not kept, or not in all cases (“Not so”). They are proved by\n"
        f"{proved} cases (with their values, {len(CASES)}) and by {len(tests_of(clauses))} further tests."
    )


def tests_of(clauses: list[Clause]) -> set[str]:
    return {name for clause in clauses for name in clause.tests}


def rows(clauses: list[Clause]) -> Iterator[str]:
    code, tests = by_name(symbols("minirun")), by_name(symbols("tests"))
    before = ""
    for clause in clauses:
        heading = clause.anchor.partition("#")[2]
        first = f"[{heading}]({SPEC}{clause.anchor})" if heading != before else ""
        by = linked(code[name] for name in clause.by)
        proofs = linked(tests[name] for name in (*cases_of(clause), *clause.tests))
        yield f"| {first} | {clause.says}{reservation(clause)} | {by} | {proofs} |"
        before = heading


def linked(found: Iterable[Symbol]) -> str:
    """The names, by the files that they are in."""
    files: dict[Path, list[str]] = {}
    for symbol in found:
        files.setdefault(symbol.file, []).append(f"`{symbol.name}`")
    shown = (f"[{'/'.join(file.parts[-2:])}](../{file}): {', '.join(names)}" for file, names in files.items())
    return "<br>".join(shown)


def reservation(clause: Clause) -> str:
    """What minirun does instead."""
    reasons = [clause.missing] if clause.missing else [f"{case}: {MINIRUN[case].reason}" for case in broken(clause)]
    return "".join(f" **Not so: {reason}.**" for reason in reasons)


def broken(clause: Clause) -> list[str]:
    """Its cases that minirun is known to fail."""
    names = cases_of(clause)
    return [case for case in MINIRUN if base(case) in names]


def main() -> int:
    clauses = read_clauses()
    found = problems(clauses)
    print("\n".join(found), end="\n" if found else "", file=sys.stderr)
    if not found:
        DOCUMENT.write_text(render(clauses))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
