"""A command of one line on several, one thing a line, as people write scripts."""

from __future__ import annotations

from .text import folded, parts_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH = 110
BEGINS = ("then", "do")  # these end their line, and what follows is indented
GOES_ON = ("elif", "else", "fi", "done")  # before these it is not


def on_lines(command: str) -> list[str]:
    """What && joins goes apart, for a script that stops at the first command that fails (`set -e`)."""
    lines: list[str] = []
    depth = 0
    for words in commands_of(command):
        while words and words[0] in (*BEGINS, *GOES_ON):
            word = words.pop(0)
            if word in BEGINS:
                lines[-1] += f"; {word}"
                depth += 1
                continue
            depth -= 1
            with_it = [] if word == "else" else [words.pop(0) for _ in list(words)]
            lines.append("    " * depth + " ".join([word, *with_it]))
            depth += word == "else"
        if words:
            lines.append("    " * depth + " ".join(words))
    return [part for line in lines for part in within_width(line)]


def commands_of(command: str) -> Iterator[list[str]]:
    """The words of each, without the && or ; behind it. With || and | goes on what belongs together."""
    whole: list[str] = []
    for part in parts_of(command):
        whole += part
        if part[-1] in ("||", "|"):
            continue
        whole[-1] = whole[-1].removesuffix(";")
        yield [word for word in whole if word != "&&"]
        whole = []
    if whole:
        yield whole


def within_width(line: str) -> list[str]:
    indent = line[: len(line) - len(line.lstrip(" "))]
    return [indent + part for part in folded(line.strip(" "), WIDTH - len(indent))]
