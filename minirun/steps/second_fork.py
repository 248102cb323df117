"""Namespaces that hold for children only, where the container's process can't be forked into them at once: they take a
second fork. Their usual way is process.py: StartContainerProcess."""

from __future__ import annotations

import os
from errno import EACCES, EAGAIN

from ..kernel import files, processes, signals
from ..kernel.libc import Flags, show
from .step import RUNTIME, Context, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .world import World


class WriteTimeOffset(Step):
    """Shift a clock of the new time namespace. The kernel takes it only before the first process is inside."""

    runs_in = RUNTIME
    chapter = "namespaces"
    man = "time_namespaces(7)"
    spec = "config-linux.md#offset-for-time-namespace"
    no_shell = "unshare(1) has to do it, by --monotonic or --boottime: the shell that it starts is inside already"
    cures = {EACCES: "a process is in the time namespace already"}

    clock: str
    secs: int
    nanosecs: int
    origin: str

    def describe(self) -> str:
        return f"shift the {self.clock} clock by {self.secs} s and {self.nanosecs} ns"

    def calls(self) -> tuple[str, ...]:
        return (show("write", "/proc/$pid/timens_offsets", f"{self.clock} {self.secs} {self.nanosecs}\n"),)

    def effect(self, world: World) -> World:
        return world.shifting(self.clock, self.secs, self.nanosecs)

    def apply(self, context: Context) -> None:
        files.write_file(f"/proc/{context.pid}/timens_offsets", f"{self.clock} {self.secs} {self.nanosecs}\n")


class ForkIntoNamespaces(Step):
    """Fork: pid and time namespaces begin with the next child. The child goes on down the list as the container."""

    chapter = "namespaces"
    man = "pid_namespaces(7)"
    spec = "config-linux.md#namespaces"
    cures = {EAGAIN: "a limit on processes is reached: pids.max of a cgroup above, or RLIMIT_NPROC"}

    by_unshare: bool = False  # whether the command of the step before has done it
    origin: str = "/linux/namespaces"
    no_shell = (
        "unshare --fork has done that at once: a shell in between may start a program of its own, which would be "
        "process 1, and with its end the namespace takes no more"
    )

    def describe(self) -> str:
        return "fork into the new pid or time namespace"

    def shell(self) -> str | None:
        return None if self.by_unshare else 'exec unshare --fork "$SHELL"'

    def calls(self) -> tuple[str, ...]:
        return (show("fork"),)

    def effect(self, world: World) -> World:
        return world.forking()

    def apply(self, context: Context) -> None:
        if processes.fork():
            os._exit(0)  # the helper's work is done


class AdoptContainer(Step):
    """Learn the container's pid. The kernel adds it to the message of the new process, as the runtime sees it."""

    runs_in = RUNTIME
    chapter = "namespaces"
    man = "unix(7)"

    def describe(self) -> str:
        return "take on the process that the helper has forked, and note its pid"

    def shell(self) -> str:
        return 'pid=$(< "/proc/$pid/task/$pid/children")'  # unshare --fork waits for it

    def calls(self) -> tuple[str, ...]:
        return ("pidfd = " + show("pidfd_open", Flags("pid"), 0), show("wait4", Flags("helper")))

    def apply(self, context: Context) -> None:
        pidfd = signals.pidfd_open(context.sender)  # where this fails, the helper is still the one to be ended
        os.close(context.pidfd)
        helper, context.pid, context.pidfd = context.pid, context.sender, pidfd
        os.waitpid(helper, 0)
        context.result = f"pid {context.pid}"
