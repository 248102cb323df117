"""What a created container's process is like while it waits for `start`."""

from __future__ import annotations

import os

from ..kernel import signals
from ..kernel.libc import Flags, array, show
from .step import Context, Step


class EndWhenAsked(Step):
    """End by what asks a program to end. The kernel takes a signal without a handler from no first process of a pid
    namespace (pid_namespaces(7)); there is no program yet that could have one, and whoever stops a container that was
    never started would wait in vain. execve(2) takes the handlers away."""

    chapter = "exec"
    man = "pid_namespaces(7)"
    spec = "runtime.md#kill"

    def describe(self) -> str:
        return "end, should a signal ask for it before the program runs"

    def shell(self) -> str:
        return "trap exit HUP INT QUIT TERM"

    def calls(self) -> tuple[str, ...]:
        names = tuple(Flags(signals.name(number)) for number in signals.ENDING)
        handled = tuple(show("rt_sigaction", name, Flags("end")) for name in names)
        return (*handled, show("rt_sigprocmask", Flags("SIG_UNBLOCK"), array(names)))

    def apply(self, context: Context) -> None:
        for number in signals.ENDING:
            signals.signal(number, end)
        signals.pthread_sigmask(signals.SIG_UNBLOCK, signals.ENDING)  # without a program nobody has done it


def end(number: int, _frame: object) -> None:
    os._exit(128 + number)


class WaitForStart(Step):
    """The end of `create`: everything is there but the program. `start` is another process (runtime.md#lifecycle)."""

    ends_create = True
    chapter = "exec"
    man = "accept(2)"
    spec = "runtime.md#start"

    def describe(self) -> str:
        return "wait for start"

    def shell(self) -> str:
        return "read _ < start"

    def calls(self) -> tuple[str, ...]:
        return (show("accept", Flags("start_socket")),)

    def apply(self, context: Context) -> None:
        context.channel.wait_for_start(context)
