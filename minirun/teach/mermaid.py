"""An explanation as a sequence diagram in Mermaid's language, which GitHub and many wikis draw in Markdown."""

from __future__ import annotations

from ..safe import safe
from .text import WHO

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .explanation import Explanation, Told

LETTERS = {"runtime": "R", "container": "C"}
SHOWN, LENGTH = 6, 60  # sentences of a note, letters of a sentence
PARTS = 24  # of a hook's sentences
PLAIN = " /.,:()_-|=+" + "…–"  # what needs no escape, beside letters and digits


def mermaid(explanation: Explanation) -> str:
    return "\n".join(lines(explanation)) + "\n"


def lines(explanation: Explanation) -> Iterator[str]:
    yield "sequenceDiagram"
    yield from (f"    participant {LETTERS[process]} as {text(who)}" for process, who in WHO.items())
    before = ""
    for band in explanation.sections():
        process = band[0].process
        if before and before != process:
            yield f"    {LETTERS[before]}->>{LETTERS[process]}: step {band[0].number} is next"
        yield f"    Note over {LETTERS[process]}: {note(band)}"
        yield from (f"    Note over {LETTERS[process]}: {hooks_note(told)}" for told in band if told.parts)
        before = process


def note(band: tuple[Told, ...]) -> str:
    """A chapter's name and its first sentences."""
    shown = band if len(band) <= SHOWN else band[: SHOWN - 1]
    sentences = [text(clipped(f"{told.number} {told.sentence}")) for told in shown]
    more = [f"… and {len(band) - len(shown)} more"] if len(shown) < len(band) else []
    return "<br/>".join([band[0].chapter.upper(), *sentences, *more])


def hooks_note(told: Told) -> str:
    """What a hook of minirun's own does; all of it, but for ports in great number."""
    sentences = [text(clipped(part.sentence)) for part in told.parts[:PARTS]]
    more = [f"… and {len(told.parts) - PARTS} more"] if len(told.parts) > PARTS else []
    return "<br/>".join([f"within {told.number}", *sentences, *more])


def clipped(words: str) -> str:
    return words if len(words) <= LENGTH else f"{words[: LENGTH - 1]}…"


def text(words: str) -> str:
    """What Mermaid would take for its own, as the numbers of the letters."""
    return "".join(letter if letter.isalnum() or letter in PLAIN else f"#{ord(letter)};" for letter in safe(words))
