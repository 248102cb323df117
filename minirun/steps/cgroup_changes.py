"""Limits of a container that is there: changed, and changed back where the update fails further on."""

from __future__ import annotations

from errno import ENOENT

from ..cgroups.restoring import lines_to_restore
from ..kernel import files
from ..kernel.libc import SystemCallError, show
from .limits import SetLimit
from .step import RUNTIME, Context, Refused, Step


class CheckMemoryInUse(Step):
    """A limit below what is in use: version 1 refuses it, version 2 takes it and lets the OOM killer make it true."""

    runs_in = RUNTIME
    chapter = "limits"
    man = "cgroups(7)"
    spec = "config-linux.md#memory"

    limit: int  # bytes, 0 for none; likewise
    swap: int = 0  # of memory and swap together
    origin: str = ""

    def describe(self) -> str:
        amounts = ((self.limit, "bytes of memory"), (self.swap, "bytes of memory and swap together"))
        told = ", and ".join(f"{amount} {what}" for amount, what in amounts if amount)
        return f"see that no more than {told} are in use"

    def shell(self) -> str:
        memory, swap = (f'$(cat "$cgroup/{name}")' for name in ("memory.current", "memory.swap.current"))
        both = [f"test $(({memory} + {swap})) -le {self.swap}"] if self.swap else []
        return " && ".join([*both, *([f'test "{memory}" -le {self.limit}'] if self.limit else [])])

    def calls(self) -> tuple[str, ...]:
        names = ("memory.current", *(["memory.swap.current"] if self.swap else []))
        return tuple(show("read", f"$cgroup/{name}") for name in names)

    def apply(self, context: Context) -> None:
        used = int(files.read_file(f"{context.cgroup}/memory.current"))
        if self.swap:
            self.refuse("memory+swap", self.swap, used + swap_in_use(context.cgroup))
        self.refuse("memory", self.limit, used)

    def refuse(self, what: str, limit: int, used: int) -> None:
        """In the words that callers look for."""
        if limit and used > limit:
            raise Refused(
                f"rejecting {what} limit {limit}: the container uses {used} bytes now",
                "a higher limit, or checkBeforeUpdate set to false, and the kernel takes it away",
            )


def swap_in_use(cgroup: str) -> int:
    """Bytes; 0 where the kernel does not count it."""
    try:
        return int(files.read_file(f"{cgroup}/memory.swap.current"))
    except SystemCallError as error:
        if error.errno != ENOENT:
            raise
        return 0


class ChangeLimit(SetLimit):
    """Write one file of the cgroup, and remember what it said. An update may write the same twice (cpu.max.burst before
    and after cpu.max), so what it said before is a stack."""

    def apply(self, context: Context) -> None:
        context.limits_before.append(("", []))  # it stays so where the file is optional and missing
        try:
            super().apply(context)
        except BaseException:
            context.limits_before.pop()
            raise

    def write(self, context: Context, name: str, value: str) -> None:
        path = f"{context.cgroup}/{name}"
        before = files.read_file(path)
        files.write_file(path, value)
        context.limits_before[-1] = (path, lines_to_restore(name, value, before))

    def undo(self, context: Context) -> None:
        path, lines = context.limits_before.pop()
        for line in lines:
            files.write_file(path, line)
