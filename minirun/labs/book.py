"""All labs as one HTML page that needs nothing else: for a screen, a wall, a telephone, and for paper.

It loads nothing, and the browser is told to allow no script but its own (assets/book.js), which copies commands and
shows in the contents where one is.
"""

from __future__ import annotations

import os
from string import Template

from ..teach import page as explained
from ..teach.page import hash_of
from ..teach.page_panels import html
from .page import read, sections
from .page_html import body

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Lab = tuple[str, str, str]  # the number, the title, and the page in Markdown

ASSETS = os.path.join(os.path.dirname(__file__), "assets")


def book(labs: Sequence[Lab]) -> str:
    script = asset("book.js")
    return Template(asset("book.html")).substitute(
        labs="\n".join(f"<li>{link(number, title)}</li>" for number, title, _ in labs),
        contents="\n".join(contents(labs)),
        pages="\n".join(pages(labs)),
        style=explained.asset("colours.css") + asset("book.css"),
        script=script,
        script_hash=hash_of(script),
    )


def asset(name: str) -> str:
    with open(os.path.join(ASSETS, name), encoding="utf-8") as file:
        return file.read()


def name_of(number: str) -> str:
    return f"lab-{number}"


def link(number: str, title: str) -> str:
    return f'<a href="#{html(name_of(number))}"><b>{html(number)}</b> <span>{html(title)}</span></a>'


def contents(labs: Sequence[Lab]) -> Iterator[str]:
    """Beside the pages. The sections of a lab are shown while one is in it."""
    for number, title, text in labs:
        parts = "".join(
            f'<li><a href="#{html(name_of(number))}-{html(name)}">{html(heading)}</a></li>'
            for name, heading in sections(read(text))
        )
        yield f"<li>{link(number, title)}<ul>{parts}</ul></li>"


def pages(labs: Sequence[Lab]) -> Iterator[str]:
    for place, (number, title, text) in enumerate(labs):
        name = html(name_of(number))
        yield f'<section class="lab" id="{name}" aria-label="{html(title)}">\n{body(name, text)}'
        yield '<nav class="turn" aria-label="Other labs">'
        yield f'<a href="#top">All labs</a>{next_of(labs[place + 1 :])}</nav>\n</section>'


def next_of(rest: Sequence[Lab]) -> str:
    if not rest:
        return ""
    number, title, _ = rest[0]
    return f'<a href="#{html(name_of(number))}">Next: {html(number)}. {html(title)}</a>'
