"""The one capability that is kept to load a system call filter, given up behind it."""

from __future__ import annotations

from ..kernel import processes
from .credentials import show_capset
from .step import Context, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .world import World


class GiveUpFilterRights(Step):
    """The capability that it took to load the system call filter goes when the filter is there. This is one call, since
    the filter has a say about it."""

    chapter = "filters"
    man = "capabilities(7)"
    no_shell = "a shell has loaded no filter"

    effective: tuple[str, ...]
    permitted: tuple[str, ...]
    inheritable: tuple[str, ...]
    origin: str = "/process/capabilities"

    def describe(self) -> str:
        return "give up the capability that loading the filter took"

    def effect(self, world: World) -> World:
        return world.granting(frozenset(self.effective), frozenset(self.permitted), frozenset(self.inheritable))

    def calls(self) -> tuple[str, ...]:
        return (show_capset(self.effective, self.permitted, self.inheritable),)

    def apply(self, context: Context) -> None:
        processes.capset(*context.capabilities)
