"""A lab's page, taken apart: Markdown of the kind that docs/labs.md allows, as a tree that is shown in two ways, at a
terminal (terminal_page.py) and in a browser (book.py).

Pages are CommonMark (https://spec.commonmark.org) with tables. Raw HTML and images stay the letters that they are.
"""

from __future__ import annotations

from ..errors import CURE, MinirunError
from ..safe import safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode as Node

LEFT_OUT = ("image", "html_inline", "html_block")
TAB = 8  # columns: what a terminal makes of a tab in a command's output


def read(text: str) -> Node:
    """The page as a tree. Its nodes are named as CommonMark names them: heading, paragraph, fence, strong, …"""
    parser = markdown()
    from markdown_it.tree import SyntaxTreeNode

    lines = (safe(line.expandtabs(TAB)) for line in text.split("\n"))
    return SyntaxTreeNode(parser.parse("\n".join(lines)))


def markdown() -> MarkdownIt:
    try:
        from markdown_it import MarkdownIt
    except ImportError:
        raise MinirunError(
            "Python's module markdown_it, by which minirun reads the labs' pages, is not installed"
            f"{CURE}apt install python3-markdown-it, or pip install markdown-it-py"
        ) from None
    return MarkdownIt("commonmark", {"html": False}).enable("table").disable(LEFT_OUT)


def words(node: Node) -> str:
    """What there is to read in a node, without what it looks like."""
    if node.type in ("softbreak", "hardbreak"):
        return " "
    return "".join(map(words, node.children)) or node.content


def title(text: str) -> str:
    """The page's first heading, without the number: "A container is a process" of "# 00. A container is a process"."""
    first = next((line for line in text.split("\n") if line.startswith("# ")), "")
    return first.removeprefix("# ").lstrip("0123456789").removeprefix(".").strip()


def sections(page: Node) -> Iterator[tuple[str, str]]:
    """The headings below the title, each with a name to link to: "The real world" is the-real-world."""
    for node in page.children:
        if node.type == "heading" and node.tag == "h2":
            yield slug(words(node)), words(node)


def slug(heading: str) -> str:
    return "-".join("".join(letter if letter.isalnum() else " " for letter in heading.lower()).split())


def is_inside(address: str) -> bool:
    """Whether a link leads to another place in the book, such as #lab-04."""
    return address.startswith("#")
