"""Where `run --step` is to ask next, as somebody has answered: at the next step, at one with another chapter, a number
or a word, or nowhere. Both processes have to know, so it stands in memory that they share."""

from __future__ import annotations

import mmap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .explanation import Told

SIZE = 4  # bytes of a number
NEVER = 2**32 - 1
GO_ON, CHAPTER, GO, WORD = "c", "n", "g", "/"


class Way:
    def __init__(self) -> None:
        self.shared = mmap.mmap(-1, SIZE)
        self.steps: Sequence[Told] = ()

    def asks_at(self, index: int) -> bool:
        return index >= int.from_bytes(self.shared[:SIZE], "little")

    def go_to(self, index: int) -> None:
        self.shared[:SIZE] = index.to_bytes(SIZE, "little")

    def goal(self, answer: str, index: int) -> int | None:
        """The step to ask at next, counted from 0, when `index` is the one at hand; None where the answer is no such.
        Raises ValueError, which says why it can't be gone to."""
        word, rest = answer[:1].lower(), answer[1:].strip()
        if answer.lower() == GO_ON:
            return NEVER
        if answer.lower() == CHAPTER:
            return self.first(index, "this is the last chapter", lambda told: told.chapter != self.steps[index].chapter)
        if word == GO and rest.isdecimal():
            return self.first(index, f"step {rest} does not come any more", lambda told: told.number == int(rest))
        if word == WORD and rest:
            return self.first(index, f"no later step has {rest!r}", lambda told: rest.lower() in searched(told))
        return None

    def first(self, index: int, why_not: str, fits: Callable[[Told], bool]) -> int:
        found = next((told.number - 1 for told in self.steps[index + 1 :] if fits(told)), None)
        if found is None:
            raise ValueError(why_not)
        return found


def searched(told: Told) -> str:
    """What somebody may look for: a word of the sentence, a system call, a man page, a place in config.json."""
    return " ".join((told.sentence, *told.calls, told.manual, told.pointer, told.chapter)).lower()
