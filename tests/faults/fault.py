"""What a fault is, and what came of it."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from .process import Result


RUNTIME, CONTAINER = "runtime", "container's process"
KILLED = 128 + signal.SIGKILL


class Outcome(NamedTuple):
    result: Result
    met: bool = True  # whether it has come to the fault: not every call is made each time
    victims: tuple[str, ...] = ()  # whom the fault has killed
    clues: tuple[str, ...] = ()  # an error has one of these in it
    harmless: bool = False  # the command has to get over it
    by_python: bool = False  # Python may not have come to where minirun has a say

    @property
    def is_mute(self) -> bool:
        """Whether the command could not say anything: it was killed itself, or it was with a program that was."""
        return RUNTIME in self.victims or (bool(self.victims) and self.result.status == KILLED)


class Fault(NamedTuple):
    name: str
    inflict: Callable[[], Outcome]
    is_first: bool = False  # one of those that are tried even if there is little time
