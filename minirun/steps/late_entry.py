"""`exec` enters the container's pid namespace last, by a second fork. So it looks for the program before, and inside if
need be again; and a limit that would hit that fork is lowered after it."""

from __future__ import annotations

from ..kernel import processes
from ..kernel.constants import RLIMITS
from ..kernel.libc import Flags, show
from .program import FindProgram
from .rlimits import SetRlimit, limit
from .step import CONTAINER, Context, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .world import World


class FindProgramOutside(FindProgram):
    """Before a filter that may be older than what this calls, and so before the container's pid namespace is entered.
    What is not there may be there inside, as /proc/self is."""

    def apply(self, context: Context) -> None:
        try:
            super().apply(context)
        except Refused as refused:
            context.not_found = refused


class FindProgramInside(FindProgram):
    """What was not there outside."""

    def apply(self, context: Context) -> None:
        if context.not_found is None:
            return
        try:
            super().apply(context)
        except Refused:
            raise context.not_found from None


class AllowRlimit(SetRlimit):
    """Raise the hard limit if need be, and no more: the process lowers both by itself, when it has no rights left."""

    def describe(self) -> str:
        return f"let {self.type} be as much as {limit(self.hard)}"

    def shell(self) -> str:
        name = self.type.removeprefix("RLIMIT_").lower()
        return f'prlimit --pid "$pid" --{name}=:{limit(self.hard)}'

    def calls(self) -> tuple[str, ...]:
        return (show("prlimit", Flags("pid"), Flags(self.type), Flags(f"{{as before, {limit(self.hard)}}}"), None),)

    def effect(self, world: World) -> World:
        return world  # what it will be is the other step's

    def apply(self, context: Context) -> None:
        number = RLIMITS.index(self.type)
        soft, hard = processes.rlimits(context.pid, number, self.type)
        if hard < self.hard:
            processes.prlimit(context.pid, number, self.type, soft, self.hard)


class LowerRlimit(SetRlimit):
    """By the process itself, because its user has changed: only with CAP_SYS_RESOURCE could another one do it."""

    runs_in = CONTAINER

    def shell(self) -> str:
        return super().shell().replace('"$pid"', "$$")

    def calls(self) -> tuple[str, ...]:
        return (show("prlimit", 0, Flags(self.type), Flags(f"{{{limit(self.soft)}, {limit(self.hard)}}}"), None),)

    def apply(self, context: Context) -> None:
        processes.prlimit(0, RLIMITS.index(self.type), self.type, self.soft, self.hard)
