"""A lab's page as HTML. Whatever it says goes through `html`; links lead to the web, or elsewhere in the book."""

from __future__ import annotations

from ..teach.page_panels import html
from . import transcript
from .page import is_inside, read, slug, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from markdown_it.tree import SyntaxTreeNode as Node

WEB = ("https://", "http://")
HEADINGS = {"h1": "h2", "h2": "h3", "h3": "h4"}  # the book has a title above those of the pages


def body(name: str, text: str) -> str:
    """What the page says. Its sections can be linked to: #lab-04-predict in the page with the name lab-04."""
    return Writer(name).inside(read(text))


class Writer:
    """`name` begins what the page's parts are called."""

    def __init__(self, name: str) -> None:
        self.name = name

    def inside(self, node: Node) -> str:
        return "".join(map(self.written, node.children))

    def written(self, node: Node) -> str:
        """Most nodes are an element each, which has the name that CommonMark's own HTML would give it."""
        special = SPECIAL.get(node.type)
        if special:
            return special(self, node)
        return self.inside(node) if node.hidden or not node.tag else self.element(node, node.tag)

    def element(self, node: Node, tag: str, attributes: str = "") -> str:
        end = "\n" if node.block else ""
        return f"<{tag}{attributes}>{self.inside(node)}</{tag}>{end}"

    def heading(self, node: Node) -> str:
        name = f' id="{self.name}-{html(slug(words(node)))}"' if node.tag == "h2" else ""
        return self.element(node, HEADINGS.get(node.tag, "h4"), name)

    def numbers(self, node: Node) -> str:
        first = int(node.attrs.get("start", 1))
        return self.element(node, "ol", f' start="{first}"' if first != 1 else "")

    def table(self, node: Node) -> str:
        """In a box of its own, in which a table that is too wide for a telephone can be moved."""
        return f'<div class="table" tabindex="0">{self.element(node, "table")}</div>\n'

    def cell(self, node: Node) -> str:
        return self.element(node, node.tag, ' class="right"' if "right" in str(node.attrs.get("style")) else "")

    def link(self, node: Node) -> str:
        address = str(node.attrs["href"])
        if is_inside(address):
            return self.element(node, "a", f' href="{html(address)}"')
        if not address.startswith(WEB):
            return self.inside(node)
        kind = ' class="bare"' if address == words(node) else ""  # on paper, the others have their address beside them
        return self.element(node, "a", f' href="{html(address)}" rel="noreferrer"{kind}')

    def text(self, node: Node) -> str:
        return html(node.content)

    def code_word(self, node: Node) -> str:
        return f"<code>{html(node.content)}</code>"

    def code(self, node: Node) -> str:
        if node.info == "console":
            shown = "".join(map(group, transcript.commands(node.content)))
            return f'<pre class="console" tabindex="0">{shown}</pre>\n'
        return f'<pre tabindex="0"><code>{html(node.content)}</code></pre>\n'


def group(lines: tuple[transcript.Line, ...]) -> str:
    """A command, of one line or of several, or a line of output. The class says at which terminal it is typed."""
    if not lines[0].prompt:
        return f'<samp class="output">{html(lines[0].text)}</samp>\n'
    typed = "\n".join(f'<span class="prompt">{html(one.prompt)} </span><kbd>{html(one.text)}</kbd>' for one in lines)
    return f'<span class="typed at-{lines[0].prompt.rstrip("#$?")}">{typed}</span>\n'


SPECIAL: dict[str, Callable[[Writer, Node], str]] = {
    "heading": Writer.heading,
    "ordered_list": Writer.numbers,
    "table": Writer.table,
    "th": Writer.cell,
    "td": Writer.cell,
    "link": Writer.link,
    "text": Writer.text,
    "code_inline": Writer.code_word,
    "fence": Writer.code,
    "code_block": Writer.code,
    "softbreak": lambda _writer, _node: "\n",
    "hardbreak": lambda _writer, _node: "<br>\n",
    "hr": lambda _writer, _node: "<hr>\n",
}
