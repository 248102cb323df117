"""Limits of a container that is there: changed, and changed back where the update fails further on."""

from __future__ import annotations

from ..cgroups.restoring import lines_to_restore
from ..kernel import files
from ..kernel.libc import show
from .cgroup import SetLimit
from .step import RUNTIME, Context, Refused, Step


class CheckMemoryInUse(Step):
    """A limit below what is in use: version 1 refuses it, version 2 takes it and lets the OOM killer make it true."""

    runs_in = RUNTIME
    chapter = "limits"
    man = "cgroups(7)"
    spec = "config-linux.md#memory"

    limit: int
    origin: str = ""

    def describe(self) -> str:
        return f"see that no more than {self.limit} bytes of memory are in use"

    def shell(self) -> str:
        return f'test "$(cat "$cgroup/memory.current")" -le {self.limit}'

    def calls(self) -> tuple[str, ...]:
        return (show("read", "$cgroup/memory.current"),)

    def apply(self, context: Context) -> None:
        used = int(files.read_file(f"{context.cgroup}/memory.current"))
        if used > self.limit:
            raise Refused(
                f"the container uses {used} bytes of memory now",
                "a higher limit, or checkBeforeUpdate set to false, and the kernel takes it away",
            )


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
