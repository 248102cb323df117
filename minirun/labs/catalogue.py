"""The labs that there are: one folder each beside this file, labNN_word, with a page.md and a checks.py in it."""

from __future__ import annotations

import importlib
import os
import re

from ..errors import StateError
from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .lab import Lab

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = re.compile(r"lab(\d\d)_\w+")


class Folder(Record):
    """Where a lab is. Its checks are imported when they are needed."""

    number: str
    path: str

    @property
    def page(self) -> str:
        return text_of(f"{self.path}/page.md")

    @property
    def solution(self) -> str:
        return text_of(f"{self.path}/solution.sh")

    @property
    def lab(self) -> Lab:
        module = importlib.import_module(f"{__package__}.{os.path.basename(self.path)}.checks")
        lab: Lab = module.LAB
        return lab

    def wrong_states(self) -> dict[str, str]:
        """The name of the hint that each has to get -> the script that brings it about."""
        place = f"{self.path}/wrong"
        names = sorted(os.listdir(place)) if os.path.isdir(place) else []
        return {name.removesuffix(".sh"): f"{place}/{name}" for name in names if name.endswith(".sh")}


def folders() -> tuple[Folder, ...]:
    found = ((match[1], name) for name in os.listdir(HERE) if (match := FOLDER.fullmatch(name)))
    return tuple(Folder(number, f"{HERE}/{name}") for number, name in sorted(found))


def folder(word: str) -> Folder:
    """Raises StateError where there is none of this number."""
    number = word.zfill(2)
    every = folders()
    for one in every:
        if one.number == number:
            return one
    raise StateError(f"there is no lab {word!r}\n  allowed: {', '.join(one.number for one in every)}")


def text_of(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()
