"""What one shell of a script carries out: steps as comments and commands, under the headings of their chapters."""

from __future__ import annotations

from textwrap import wrap

from ..safe import safe
from .chapters import CHAPTERS
from .script_lines import WIDTH
from .text import title

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def comment(text: str) -> Iterator[str]:
    """Words of config.json are among it, which must not end the comment."""
    for number, paragraph in enumerate(text.strip().split("\n\n")):
        yield from ["#"] if number else []
        words = safe(paragraph.replace("\n", " "))
        yield from (f"# {line}" for line in wrap(words, WIDTH, break_long_words=False, break_on_hyphens=False))


class Entry:
    """A step, or several in a row, as lines of the script."""

    def __init__(self, heading: tuple[str, str] | None, told: str, commands: Iterable[str], reason: str = "") -> None:
        self.heading = heading  # the chapter, and whose it is; None for lines that are no step's
        self.told, self.commands, self.reason = [told], list(commands), reason

    def goes_with(self, other: Entry) -> bool:
        """Two that are left out for the same reason are told together."""
        return bool(self.reason) and not self.commands and (self.reason, self.heading) == (other.reason, other.heading)

    def lines(self) -> Iterator[str]:
        yield ""
        for told in self.told:
            yield from comment(told)
        yield from comment(f"(not here: {self.reason})") if self.reason else ()
        yield from self.commands


class Part:
    """What one shell carries out."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def add(self, entry: Entry) -> None:
        if self.entries and self.entries[-1].goes_with(entry):
            self.entries[-1].told += entry.told
        else:
            self.entries.append(entry)

    def then(self, *lines: str) -> None:
        """Lines that are no step's."""
        if not self.entries:
            self.entries.append(Entry(None, "", ()))
        self.entries[-1].commands += lines

    def lines(self, headings: list[tuple[str, str]]) -> Iterator[str]:
        """With a heading for each chapter; `headings` are those that the reader has seen."""
        for entry in self.entries:
            if entry.heading and entry.heading != headings[-1]:
                yield from ("", f"# ---- {title(*entry.heading)}")
                is_known = any(entry.heading[0] == chapter for chapter, _ in headings)
                yield from () if is_known else comment(CHAPTERS[entry.heading[0]].about)
                headings.append(entry.heading)
            yield from entry.lines()
