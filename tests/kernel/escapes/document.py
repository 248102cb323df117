"""docs/escapes.md: each published escape, what stops it here, and which test tries it.

    python3 -m tests.kernel.escapes.document        writes it anew, from docs/escapes.toml and what is in the code

Its texts are ours; that the tests, the protections and the weakened minirun which they name are there, and that no test
of an escape is left out, is found in the code. (The names of minirun's code in the texts: test_reading_order.py.)
"""

from __future__ import annotations

import ast
import functools
import re
import sys
import textwrap
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from minirun.teach.protections import PROTECTIONS
from tests.conformance.document import by_name, linked, symbols

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from tests.conformance.document import Symbol

REPOSITORY = Path(__file__).resolve().parents[3]
SOURCE, DOCUMENT = REPOSITORY / "docs" / "escapes.toml", REPOSITORY / "docs" / "escapes.md"
HERE = Path("tests/kernel/escapes")
WIDTH = 120

INTRODUCTION = f"""\
# Ways out, and what closes them

This is the last chapter. The others say how a container is made; this one says how people got out of one, again and
again, in runtimes that were written with care. Read it with [reading-order.md](reading-order.md) behind you: each of
these stories is about two or three lines of the code that you have seen there, and about why they are not one line
less.

A container is a process with a view that was put together for it. There is no wall. What keeps it inside is that it
is never given anything by which it could get out: no open file, no name, no right, no process to look into. So the
stories are in the order in which a container is given things. First what is open when it begins; then the names in
its image, through which minirun walks as root; then `/proc`, by which the kernel is told what to do; then the runtime
itself, which is in the container for a moment; then rights, terminals and signals; and at last the books, and the
people who write them.

Nearly all of it comes down to three mistakes.

- **To look, and then to use the name again.** Between the two, somebody changes what the name means. What was looked
  at has to be what is used: a descriptor of a file, of a process, of a mount.
- **To hand on what was not asked for.** What a process has, its children have: descriptors, groups, keys, a terminal,
  variables. It has to be taken away, and it is seldom thought of.
- **To be there too early.** What comes into the container has more rights than who is there already. It has to be
  closed before it can be seen, and to have everything with it.

It also matters who is trusted. minirun trusts who calls it, and config.json: that names programs to run on the host
(hooks), and directories to hand over. It does not trust the image, a volume, a running container, or another user.
Who can write config.json needs no way out.

## How it was tried

An attack that fails proves little: it may have been made badly. So each of them is made twice, on minirun, and on a
minirun from which one defence was taken out, where it has to succeed (“Without”). [`weak.py`](../{HERE}/weak.py) is
the list of what is taken out, a few lines each, and good to read beside this page: it says what a defence is, by what
is not there. Some defences are a step of the plan or a property in config.json; for those `minirun explain --without
NAME` tells what a container could do, and of which steps yours has it. Where the story is a race, the test races:
another process exchanges the names, without a pause, and minirun makes containers for a second. What is looked at is
what became of the host's file, process or terminal, not what minirun says.

    ./test {HERE}                          a second for each race
    ./test {HERE} --race-seconds 600       ten minutes

This file is made of [escapes.toml](escapes.toml) by `python3 -m tests.kernel.escapes.document`. A test fails when a
name in it does not exist any more, and when a test in `{HERE}` is not in it.
"""

TRIED = """\
## How much of it was tried

Attacks are what somebody has thought of. Three other suites don't think, and try a great number of things:
"""

FIGURES = {
    "faults": (
        "sudo tests/faults/run",
        "failures put into minirun, of each command at each step, and what was left behind",
    ),
    "fuzz": ("tests/fuzz/run --seconds N", "config.json that no one would write"),
    "soak": ("sudo bench/soak", "containers one after the other, and many at once"),
}

CANNOT = """\
## What can't be tried here

These were published as well, and there is no attack to make: what they are about minirun does not have, or it takes
another kernel, or another machine.
"""


class Escape(NamedTuple):
    title: str
    attack: str
    stops: str
    tests: tuple[str, ...]
    reports: str = ""
    weak: tuple[str, ...] = ()
    without: str = ""
    remains: str = ""


class Chapter(NamedTuple):
    title: str
    text: str
    escapes: tuple[Escape, ...]


class Book(NamedTuple):
    chapters: tuple[Chapter, ...]
    cannot: tuple[dict[str, str], ...]
    tried: dict[str, str]

    @property
    def escapes(self) -> tuple[Escape, ...]:
        return tuple(escape for chapter in self.chapters for escape in chapter.escapes)


def read() -> Book:
    source = tomllib.loads(SOURCE.read_text())
    chapters = tuple(
        Chapter(chapter["title"], chapter["text"], tuple(map(escape_of, chapter["escape"])))
        for chapter in source["chapter"]
    )
    return Book(chapters, tuple(source["cannot"]), source["tried"])


def escape_of(entry: dict[str, Any]) -> Escape:
    several = {key: tuple(entry.get(key, "").split()) for key in ("tests", "weak")}
    return Escape(**(entry | several))


# ---- what is in the code


@functools.cache
def all_tests() -> dict[str, Symbol]:
    return by_name(symbols("tests"))


@functools.cache
def weakenings() -> dict[str, str]:
    """Each that weak.py has, with its docstring."""
    module = ast.parse((REPOSITORY / HERE / "weak.py").read_text())
    functions = [node for node in module.body if isinstance(node, ast.FunctionDef) and node.decorator_list]
    return {node.name.replace("_", "-"): " ".join((ast.get_docstring(node) or "").split()) for node in functions}


def tests_of_escapes() -> set[str]:
    return {
        f"{symbol.file.stem}.{symbol.name}"
        for symbol in symbols(str(HERE))
        if symbol.file.stem.startswith("test_") and symbol.name.startswith("test_")
    }


# Parts of others: what a race waits for, and a look at labels without a module.
HELPERS = {"reused-after-the-look", "any-module"}


def parts(escape: Escape) -> list[str]:
    """Where several are taken out at once, there is a + between them."""
    return [name for together in escape.weak for name in together.split("+")]


def problems(book: Book) -> Iterator[str]:
    known, tests = weakenings(), all_tests()
    protections = {protection.name for protection in PROTECTIONS}
    for escape in book.escapes:
        yield from (f"{escape.title}: no single {name} in the tests" for name in escape.tests if name not in tests)
        yield from (f"{escape.title}: weak.py has no {name}" for name in parts(escape) if name not in known)
        if escape.without and escape.without not in protections:
            yield f"{escape.title}: explain --without has no {escape.without}"
        if not escape.tests:
            yield f"{escape.title}: nothing tries it"
    named = {name for escape in book.escapes for name in escape.tests}
    yield from (f"{name} is at no escape" for name in sorted(tests_of_escapes() - named))
    taken_out = {name for escape in book.escapes for name in parts(escape)}
    yield from (f"{name} of weak.py is at no escape" for name in sorted(known.keys() - taken_out - HELPERS))


# ---- the document


def render(book: Book) -> str:
    lines = [INTRODUCTION, *contents(book)]
    for number, chapter in enumerate(book.chapters, start=1):
        lines += [f"## {number}. {chapter.title}", "", filled(chapter.text), ""]
        lines += [line for escape in chapter.escapes for line in told(escape)]
    lines += [CANNOT, *(line for entry in book.cannot for line in untried(entry)), "", TRIED, *figures(book)]
    lines += ["", "## By number", "", *by_number(book)]
    return "\n".join(lines) + "\n"


def contents(book: Book) -> Iterator[str]:
    for number, chapter in enumerate(book.chapters, start=1):
        titles = "; ".join(escape.title[0].lower() + escape.title[1:] for escape in chapter.escapes)
        yield filled(f"{number}. **{chapter.title}**: {titles}", "   ")
    yield ""


def told(escape: Escape) -> Iterator[str]:
    yield f"### {escape.title}"
    yield from ["", f"*{escape.reports}*"] * bool(escape.reports)
    yield from ["", filled(escape.attack), "", filled(f"**Here.** {escape.stops}")]
    yield from ["", filled(f"**What remains.** {escape.remains}")] * bool(escape.remains)
    yield from ["", *without(escape)] * bool(escape.weak or escape.without)
    proofs = linked(all_tests()[name] for name in escape.tests).replace("<br>", "; ")
    yield from ["", f"**Tried by** {proofs}", ""]


def without(escape: Escape) -> Iterator[str]:
    taken_out = " Or: ".join(f"{what_is_taken_out(names)} (`{names}`)" for names in escape.weak)
    asked = f"See `minirun explain --without {escape.without}`." if escape.without else ""
    yield filled(f"**Without.** {' '.join(filter(None, (taken_out, asked)))}")


def what_is_taken_out(names: str) -> str:
    return " And: ".join(weakenings()[name] for name in names.split("+"))


def untried(entry: dict[str, str]) -> Iterator[str]:
    yield filled(f"- **{entry['title']}** ({entry['reports']}). {entry['why']}", "  ")


def figures(book: Book) -> Iterator[str]:
    yield from ["| | command | |", "|---|---|---|"]
    for name, (command, about) in FIGURES.items():
        yield f"| {about} | `{command}` | {book.tried[name] or 'not counted yet'} |"


def by_number(book: Book) -> Iterator[str]:
    reported = [(escape.reports, escape.title) for escape in book.escapes]
    reported += [(entry["reports"], "What can't be tried here") for entry in book.cannot]
    places: dict[str, list[str]] = {}
    for reports, title in reported:
        for number in filter(None, reports.split(", ")):
            places.setdefault(number, []).append(f"[{title}](#{anchor(title)})")
    for number in sorted(places, key=in_order):
        yield f"- {number}: {', '.join(places[number])}"


def in_order(number: str) -> tuple[str, tuple[int, ...]]:
    kind, *parts = number.split("-")
    return kind, tuple(int(part) for part in parts if part.isdecimal())


def anchor(title: str) -> str:
    """As GitHub makes them of headings."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def filled(text: str, indent: str = "") -> str:
    """With what stands between backticks on one line."""
    whole = re.sub(r"`[^`]*`", lambda code: code[0].replace(" ", "\0"), " ".join(text.split()))
    lines = textwrap.fill(whole, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return lines.replace("\0", " ")


def main() -> int:
    book = read()
    found = list(problems(book))
    print("\n".join(found), end="\n" if found else "", file=sys.stderr)
    if not found:
        DOCUMENT.write_text(render(book))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
