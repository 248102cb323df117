"""An explanation as Markdown, for a wiki or a course's pages."""

from __future__ import annotations

from ..safe import safe
from .chapters import CHAPTERS
from .text import WHO

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .explanation import Explanation, Told

SPECIAL = "\\`*_{}[]<>#|&"  # what Markdown, or the HTML in it, would take for its own


def markdown(explanation: Explanation) -> str:
    return "\n".join(lines(explanation)) + "\n"


def lines(explanation: Explanation) -> Iterator[str]:
    yield f"# The container {text(explanation.id)}, step by step"
    yield from ("", f"Made from {text(explanation.bundle)}.")
    seen: set[str] = set()
    for section in explanation.sections():
        name = section[0].chapter
        yield from ("", f"## {name.capitalize()}: {WHO[section[0].process]}")
        if name not in seen:
            yield from ("", f"{text(CHAPTERS[name].about)} ({text(CHAPTERS[name].manual)})")
        seen.add(name)
        for told in section:
            yield from step(told)
    for note in explanation.notes:
        yield from ("", f"> {text(note)}")


def step(told: Told) -> Iterator[str]:
    yield from ("", f"### {told.number}. {text(told.sentence)}", "")
    if told.reason:
        yield from (text(told.reason), "")
    yield " · ".join(text(part) for part in (told.manual, told.clause, told.pointer) if part)
    yield from fenced("c", "\n".join(told.calls)) if told.calls else ("", f"No system call: {text(told.no_calls)}.")
    yield from fenced("sh", told.shell) if told.shell else ("", f"No command: {text(told.no_shell)}.")
    if told.listing:
        yield from fenced("", told.listing)
    yield from parts(told)


def parts(told: Told) -> Iterator[str]:
    """What a hook of minirun's own does."""
    for number, part in enumerate(told.parts, start=1):
        yield from ("", f"#### {told.number}.{number}. {text(part.sentence)}")
        yield from ("", text(part.manual)) if part.manual else ()
        yield from fenced("sh", part.shell.rstrip()) if part.shell else ()


def fenced(language: str, code: str) -> tuple[str, ...]:
    """A block of code. Its fence is longer than any in it."""
    fence = "```"
    while fence in code:
        fence += "`"
    return "", f"{fence}{language}", "\n".join(map(safe, code.split("\n"))), fence


def text(words: str) -> str:
    return "".join(f"\\{letter}" if letter in SPECIAL else letter for letter in safe(words))
