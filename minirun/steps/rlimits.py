"""Limits on resources (getrlimit(2))."""

from __future__ import annotations

from errno import EINVAL, EPERM

from ..kernel import processes
from ..kernel.constants import RLIMITS
from ..kernel.libc import Flags, show
from .step import RUNTIME, Context, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .world import World

RLIM_INFINITY = 2**64 - 1


class SetRlimit(Step):
    """Set by the runtime, which is still root when the container's process is not any more."""

    runs_in = RUNTIME
    chapter = "limits"
    man = "prlimit(2)"
    spec = "config.md#posix-process"
    cures = {
        EPERM: "a hard limit above the present one takes CAP_SYS_RESOURCE: lower it in config.json",
        EINVAL: "the soft limit must not exceed the hard one",
    }

    type: str
    soft: int
    hard: int
    origin: str

    def describe(self) -> str:
        return f"set {self.type} to {limit(self.soft)}, at most {limit(self.hard)}"

    def shell(self) -> str:
        name = self.type.removeprefix("RLIMIT_").lower()
        return f'prlimit --pid "$pid" --{name}={limit(self.soft)}:{limit(self.hard)}'

    def calls(self) -> tuple[str, ...]:
        return (
            show("prlimit", Flags("pid"), Flags(self.type), Flags(f"{{{limit(self.soft)}, {limit(self.hard)}}}"), None),
        )

    def effect(self, world: World) -> World:
        return world.rlimited(self.type, self.soft, self.hard)

    def apply(self, context: Context) -> None:
        processes.prlimit(context.pid, RLIMITS.index(self.type), self.type, self.soft, self.hard)


def limit(value: int) -> str:
    return "unlimited" if value == RLIM_INFINITY else str(value)
