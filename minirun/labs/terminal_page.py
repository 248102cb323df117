"""A lab's page for a terminal: folded to its width, but for code, whose lines stay as they are.

Without colours, too, one sees what is what: code stands between back quotes, and headings have a rule.
"""

from __future__ import annotations

from ..teach.text import plain
from . import terminal_table, transcript
from .folding import BLANK, BREAK, Piece, lines, whole
from .page import is_inside, read, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from markdown_it.tree import SyntaxTreeNode as Node

    from ..teach.text import Paint

WIDTH = 80
INDENT = "  "  # of code: 76 columns of it, and a list around it, are still in 80
RULE = "─"


def render(text: str, width: int = WIDTH, paint: Paint = plain) -> str:
    return Renderer(width, paint).page(read(text))


class Renderer:
    """`width` is what is left of the terminal's inside of a list."""

    def __init__(self, width: int, paint: Paint) -> None:
        self.width = width
        self.paint = paint
        self.quote = "`" if paint("code", "") == "" else ""

    def page(self, page: Node) -> str:
        return "\n".join([*self.blocks(page), ""])

    # ---- blocks

    def blocks(self, parent: Node) -> Iterator[str]:
        """One below the other, with an empty line between; in a list whose lines are close together with none."""
        for number, node in enumerate(parent.children):
            if number and not is_close(parent):
                yield ""
            yield from self.block(node)

    def block(self, node: Node) -> Iterator[str]:
        shown = BLOCKS.get(node.type)
        yield from shown(self, node) if shown else self.blocks(node)

    def paragraph(self, node: Node) -> Iterator[str]:
        yield from lines(self.pieces(node), self.width, self.paint)

    def heading(self, node: Node) -> Iterator[str]:
        """The title has a line below it; a section begins with one across the page, which is seen when leafing."""
        text = words(node)
        first, *others = lines([Piece("heading", text)], self.width - 4, self.paint)
        if node.tag == "h1":
            yield from [first, *others, self.paint("about", RULE * min(self.width, len(text)))]
        else:
            yield f"{self.paint('about', RULE * 2)} {first} {self.paint('about', RULE * (self.width - len(text) - 4))}"
            yield from (f"   {line}" for line in others)

    def code(self, node: Node) -> Iterator[str]:
        if node.info == "console":
            yield from (INDENT + self.transcribed(line) for line in transcript.lines(node.content))
        else:
            yield from (f"{INDENT}{line}".rstrip() for line in node.content.removesuffix("\n").split("\n"))

    def transcribed(self, line: transcript.Line) -> str:
        """What is typed is bold; what the machine says is as it is."""
        if not line.prompt:
            return line.text
        return f"{self.paint('prompt', line.prompt)} {self.paint('typed', line.text)}".rstrip()

    def bullets(self, node: Node) -> Iterator[str]:
        yield from self.items(node, ["-"] * len(node.children))

    def numbers(self, node: Node) -> Iterator[str]:
        first = int(node.attrs.get("start", 1))
        yield from self.items(node, [f"{number}." for number, _ in enumerate(node.children, start=first)])

    def items(self, node: Node, marks: list[str]) -> Iterator[str]:
        room = max(map(len, marks)) + 1
        inside = Renderer(self.width - room, self.paint)
        for mark, item in zip(marks, node.children):
            if item is not node.children[0] and not is_close(item):
                yield ""
            for number, line in enumerate(inside.blocks(item)):
                yield f"{'' if number else mark:<{room}}{line}".rstrip()

    def table(self, node: Node) -> Iterator[str]:
        rows = [[self.cell(cell) for cell in row.children] for part in node.children for row in part.children]
        yield from terminal_table.drawn(rows, self.width, self.paint)

    def cell(self, node: Node) -> terminal_table.Cell:
        kind = "heading" if node.type == "th" else ""
        pieces = tuple(piece.replace(kind=piece.kind or kind) for piece in self.pieces(node))
        return terminal_table.Cell(pieces, is_right="right" in str(node.attrs.get("style")))

    # ---- what stands in a line

    def pieces(self, node: Node, kind: str = "") -> Iterator[Piece]:
        if node.type == "code_inline":
            yield Piece("code", self.quote + whole(node.content) + self.quote)
        elif node.type in ENDS:
            yield ENDS[node.type]
        elif node.children:
            for child in node.children:
                yield from self.pieces(child, KINDS.get(child.type, kind))
        else:
            yield Piece(kind, node.content)
        if node.type == "link":
            yield from self.address(node)

    def address(self, node: Node) -> Iterator[Piece]:
        """Behind the link's words, unless these say it or the link leads to another page of the labs."""
        address = str(node.attrs["href"])
        if not is_inside(address) and address != words(node):
            yield from (BLANK, Piece("source", f"<{address}>"))


def is_close(node: Node) -> bool:
    """Whether this is an item of a list that was written without empty lines between."""
    return node.type == "list_item" and all(one.hidden for one in node.children if one.type == "paragraph")


ENDS = {"softbreak": BLANK, "hardbreak": BREAK}
KINDS = {"strong": "strong", "em": "emphasis", "link": "link"}
BLOCKS: dict[str, Callable[[Renderer, Node], Iterator[str]]] = {
    "paragraph": Renderer.paragraph,
    "heading": Renderer.heading,
    "fence": Renderer.code,
    "code_block": Renderer.code,
    "bullet_list": Renderer.bullets,
    "ordered_list": Renderer.numbers,
    "table": Renderer.table,
    "hr": lambda renderer, _node: iter([RULE * renderer.width]),
}
