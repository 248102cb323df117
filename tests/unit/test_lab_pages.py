"""The labs' pages, as they are shown: at a terminal, and as one HTML page (test_lab_book_in_a_browser.py opens it)."""

from __future__ import annotations

import glob
import re
import tomllib
from html.parser import HTMLParser
from pathlib import Path

import pytest

from minirun.cli.terminal import painted
from minirun.errors import MinirunError
from minirun.labs import page, transcript
from minirun.labs.book import book
from minirun.labs.folding import Piece, folded, lines, whole
from minirun.labs.page_html import body
from minirun.labs.terminal_page import render
from minirun.labs.transcript import Line
from minirun.teach.text import plain

REPOSITORY = Path(__file__).parents[2]
EVERYTHING = (Path(__file__).parent / "lab_page.md").read_text()
ESCAPE = re.compile(r"\x1b\[\d+m")
WIDTHS = (60, 80, 100)


def words_of(node: page.Node) -> list[str]:
    """All there is to read, in its order."""
    if node.children:
        return [word for child in node.children for word in words_of(child)]
    return node.content.split()


def without_blanks(text: str) -> str:
    """The letters: a word may be torn apart, and a table's cells are told line by line."""
    return "".join(text.split())


def code_lines(text: str) -> set[str]:
    return {line for node in page.read(text).walk() if node.type == "fence" for line in node.content.split("\n")}


# ---- at a terminal


@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_but_of_code_is_wider_than_the_terminal(width: int) -> None:
    code = code_lines(EVERYTHING)
    shown = render(EVERYTHING, width).splitlines()
    assert [line for line in shown if len(line) > width and line.strip() not in {one.strip() for one in code}] == []
    assert max(map(len, shown)) >= width - 1, "the width is used"


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_lost(width: int) -> None:
    """In its order. A table's cells are told line by line, and their words may be torn behind a slash."""
    shown, place = render(EVERYTHING, width), 0
    letters, in_cells = without_blanks(shown), set()
    for node in page.read(EVERYTHING).children:
        for word in words_of(node):
            if node.type == "table":
                in_cells |= set(re.findall("[^/]+/?|/", word))
            else:
                place = letters.index(word, place) + len(word)
    assert len(in_cells) > 40
    assert [word for word in in_cells if word not in shown] == []
    for line in code_lines(EVERYTHING):
        assert f"  {line}".rstrip() + "\n" in shown


def test_colours_change_no_letter_but_the_back_quotes() -> None:
    coloured = ESCAPE.sub("", render("Some `code here` and **bold**.", 80, painted))
    assert coloured == "Some code here and bold.\n"
    assert render("Some `code here` and **bold**.", 80) == "Some `code here` and bold.\n"


def test_colours_take_no_room() -> None:
    text = "word **bold and more of it, to be folded** *and* [here](https://example.org/a) " * 5
    assert ESCAPE.sub("", render(text, 40, painted)) == render(text, 40)
    assert all(line.count("\x1b[0m") * 2 == line.count("\x1b") for line in render(text, 40, painted).splitlines())


def test_a_transcript_has_what_was_typed_in_bold() -> None:
    shown = render("```console\n1# echo a \\\n> b\na b\n2$ id\n```\n", 80, painted).splitlines()
    assert shown == [
        "  \x1b[33m1#\x1b[0m \x1b[1mecho a \\\x1b[0m",
        "  \x1b[33m>\x1b[0m \x1b[1mb\x1b[0m",
        "  a b",
        "  \x1b[33m2$\x1b[0m \x1b[1mid\x1b[0m",
    ]


def test_links_have_their_address_after_them() -> None:
    assert render("See [chroot(2)](https://example.org/c), now.") == "See chroot(2) <https://example.org/c>, now.\n"
    assert render("See <https://example.org/c>.") == "See https://example.org/c.\n"
    assert render("See [lab 03](#lab-03).") == "See lab 03.\n"


def test_headings_are_ruled() -> None:
    assert render("# 00. A\n\n## Do\n\nText.", 20).splitlines() == [
        "00. A",
        "─────",
        "",
        "── Do ──────────────",
        "",
        "Text.",
    ]
    long = render("## A heading of many words", 20).splitlines()
    assert long == ["── A heading of ", "   many words"] or long == ["── A heading of ──", "   many words"]


def test_lists() -> None:
    text = "- a\n- b b b b\n  - c\n\n9. one\n10. two\n\n    more\n"
    assert render(text, 8).splitlines() == [
        "- a",
        "- b b b",
        "  b",
        "  - c",
        "",
        "9.  one",
        "",
        "10. two",
        "",
        "    more",
    ]


def test_a_table_is_aligned_and_folded() -> None:
    text = "| Name | Size | What |\n|---|--:|---|\n| `a` | 10 | some words |\n| bc | 9 | x |\n"
    assert render(text, 80, plain).splitlines() == [
        "Name  Size  What",
        "────  ────  ──────────",
        "`a`     10  some words",
        "bc       9  x",
    ]
    assert render(text, 17).splitlines() == [
        "Name  Size  What",
        "────  ────  ─────",
        "`a`     10  some",
        "            words",
        "",
        "bc       9  x",
    ]


def test_a_table_of_long_words_is_no_wider_than_the_terminal() -> None:
    word = "w" * 50
    for line in render(f"| {word} | b |\n|---|---|\n| {word} | {word} |\n", 30).splitlines():
        assert len(line) <= 30


def test_tabs_and_controls_are_made_harmless() -> None:
    shown = render("a \x1b[2J b\n\n```text\na\tb\x07\n```\n")
    assert "\x1b" not in shown and "\x07" not in shown
    assert "  a       b\\x07\n" in shown


# ---- folding


def test_what_belongs_together_stays_together() -> None:
    pieces = [Piece("", "see "), Piece("strong", "bold"), Piece("", ", then "), Piece("code", whole("a b c"))]
    assert lines(pieces, 9, plain) == ["see bold,", "then", "a b c"]
    assert lines([], 9, plain) == [""]


def test_a_word_longer_than_a_line_is_torn_where_it_hurts_least() -> None:
    assert lines([Piece("", "https://a.org/bcd/efg")], 10, plain) == ["https://", "a.org/bcd/", "efg"]
    assert lines([Piece("code", whole("abc defgh"))], 5, plain) == ["abc ", "defgh"]
    assert [[one.text for one in line] for line in folded([Piece("", "abcdefg")], 3)] == [["abc"], ["def"], ["g"]]


# ---- transcripts


def test_a_transcript_is_taken_apart() -> None:
    block = "> no command yet\n1# a \\\n> b\n>\nout\n> out\n12$ c\n3# \n4#\n5? next\n#5 out\n\n…\n"
    assert list(transcript.lines(block)) == [
        Line("", "> no command yet"),
        Line("1#", "a \\"),
        Line(">", "b"),
        Line(">", ""),
        Line("", "out"),
        Line("", "> out"),
        Line("12$", "c"),
        Line("3#", ""),
        Line("4#", ""),
        Line("5?", "next"),
        Line("", "#5 out"),
        Line("", ""),
        Line("", "…"),
    ]
    assert [len(group) for group in transcript.commands(block)] == [1, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1]


# ---- reading


def test_titles_and_sections() -> None:
    assert page.title(EVERYTHING) == "chroot is no jail; pivot_root is"
    assert page.title("# 07. cgroup v2: count, then limit\n") == "cgroup v2: count, then limit"
    assert page.title("no heading") == ""
    assert list(page.sections(page.read(EVERYTHING))) == [
        ("predict", "Predict"),
        ("do", "Do"),
        ("look", "Look"),
        ("break-it", "Break it"),
        ("the-real-world", "The real world"),
        ("questions", "Questions"),
    ]


def test_without_the_library_a_cure_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "markdown_it", None)
    with pytest.raises(MinirunError, match="markdown_it") as error:
        page.read("text")
    assert "python3-markdown-it" in error.value.cure


# ---- HTML

HOSTILE = """# 01. <script>alert(1)</script>

<img src=x onerror=alert(1)> ![i](https://example.org/i.png) [j](javascript:alert(1)) [d](data:text/html,x)
[f](file:///etc/passwd) [q](https://example.org/"onmouseover="x) [s](#"><script>)

## "><script>

```console
1# <script>alert("&amp;")</script>
</pre><script>
```

```<script>
</code></pre>
```

| <b>a</b> | `</td>` |
|---|---|
| &lt;i&gt; | $style $$ |
"""


class Tags(HTMLParser):
    """The elements and attributes, and that all elements are closed in order."""

    VOID = ("meta", "br", "hr")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.names: set[str] = set()
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes += attributes
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_book_is_whole_and_says_everything() -> None:
    made = book([("03", "Mounts", "# 03. Mounts\n"), ("04", "chroot is no jail; pivot_root is", EVERYTHING)])
    tags = Tags(made)
    letters = without_blanks(tags.text)
    for word in words_of(page.read(EVERYTHING)):
        assert word in letters, word
    ids = [value for name, value in tags.attributes if name == "id"]
    assert len(ids) == len(set(ids)), "each name once"
    assert {"lab-03", "lab-04", "lab-04-predict", "lab-04-the-real-world", "top"} <= set(ids)
    inside = {str(value)[1:] for name, value in tags.attributes if name == "href" and str(value).startswith("#")}
    assert inside <= set(ids), "every link inside of the page leads somewhere"
    assert not {"img", "link", "iframe"} & tags.names and "src" not in dict(tags.attributes), "nothing is loaded"
    assert "@import" not in made and "url(" not in made


def test_the_book_takes_words_literally() -> None:
    tags = Tags(body("lab-01", HOSTILE))
    assert tags.names <= {
        *("h2", "h3", "p", "a", "pre", "code", "span", "kbd", "samp"),
        *("div", "table", "thead"),
        *(
            "tbody",
            "tr",
            "th",
            "td",
        ),
    }
    assert {name for name, _ in tags.attributes} <= {"id", "class", "tabindex", "href", "rel"}
    for name, value in tags.attributes:
        if name == "href":
            assert str(value).startswith(("https://example.org/", "#"))
    assert '<script>alert("&amp;")</script>' in tags.text
    made = book([("01", "</title><script>alert(2)</script>", HOSTILE)])
    assert made.count("<script") == 1, "its own"
    assert "$style $$" in made


def test_a_transcript_in_html() -> None:
    assert body("x", "```console\n2$ a \\\n> b\nout & in\n```\n") == (
        '<pre class="console" tabindex="0">'
        '<span class="typed at-2"><span class="prompt">2$ </span><kbd>a \\</kbd>\n'
        '<span class="prompt">&gt; </span><kbd>b</kbd></span>\n'
        '<samp class="output">out &amp; in</samp>\n</pre>\n'
    )


# ---- an installed copy


def test_whatever_is_in_the_rooms_folder_is_installed_too() -> None:
    """As setuptools finds it: by glob, which sees no name that begins with a dot."""
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    patterns = settings["tool"]["setuptools"]["package-data"]["minirun"]
    room = REPOSITORY / "minirun"
    installed = {name for pattern in patterns for name in glob.glob(pattern, root_dir=room, recursive=True)}
    there = [path for path in (room / "labs").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert there
    missing = [path for path in there if path.suffix != ".py" and str(path.relative_to(room)) not in installed]
    assert missing == []
