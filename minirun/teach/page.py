"""An explanation as one HTML page that needs nothing else: each step opens to show all there is about it."""

from __future__ import annotations

from html import escape

from .chapters import CHAPTERS
from .text import WHO, safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .explanation import Explanation, Told

STYLE = """
body { font: 16px/1.5 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; }
pre { background: #f4f4f4; padding: .6em; white-space: pre-wrap; overflow-wrap: anywhere; }
summary { cursor: pointer; }
summary code, .source { color: #555; font-size: .9em; }
.container { border-left: .3em solid #3a7; padding-left: 1em; }
.runtime { border-left: .3em solid #37a; padding-left: 1em; }
"""


def page(explanation: Explanation) -> str:
    return "\n".join(lines(explanation)) + "\n"


def lines(explanation: Explanation) -> Iterator[str]:
    title = f"The container {html(explanation.id)}, step by step"
    yield f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
    yield f"<style>{STYLE}</style></head><body><h1>{title}</h1>"
    yield f"<p>Made from {html(explanation.bundle)}.</p>"
    yield from (f"<p><strong>Note:</strong> {html(note)}</p>" for note in explanation.notes)
    seen: set[str] = set()
    for section in explanation.sections():
        name, process = section[0].chapter, section[0].process
        yield f'<section class="{process}"><h2>{name.capitalize()}: {html(WHO[process])}</h2>'
        if name not in seen:
            yield f"<p>{html(CHAPTERS[name].about)} <em>{html(CHAPTERS[name].manual)}</em></p>"
        seen.add(name)
        for told in section:
            yield from step(told)
        yield "</section>"
    yield "</body></html>"


def step(told: Told) -> Iterator[str]:
    yield f'<details id="step-{told.number}"><summary>{told.number}. {html(told.sentence)}</summary>'
    if told.reason:
        yield f"<p>{html(told.reason)}</p>"
    calls, shell = "\n".join(told.calls), told.shell
    yield f"<pre>{html(calls)}</pre>" if calls else f"<p>No system call: {html(told.no_calls)}.</p>"
    yield f"<pre>{html(shell)}</pre>" if shell else f"<p>No command: {html(told.no_shell)}.</p>"
    if told.listing:
        yield f"<pre>{html(told.listing)}</pre>"
    source = " · ".join(html(part) for part in (told.manual, told.clause, told.pointer) if part)
    yield f'<p class="source">{source}</p></details>'


def html(text: str) -> str:
    return escape("\n".join(map(safe, text.split("\n"))))
