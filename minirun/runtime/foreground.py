"""With the container until its end: pass signals on, carry its terminal, wait for its exit status."""

from __future__ import annotations

import os
import select
import signal

from ..kernel import signals
from ..kernel.libc import SystemCallError
from ..steps.step import Context

CHUNK = 1 << 16

# These stay as they are: two can't be caught, the others report a fault of minirun's own or stop a background reader.
NOT_FORWARDED = {
    signal.SIGKILL,
    signal.SIGSTOP,
    signal.SIGSEGV,
    signal.SIGBUS,
    signal.SIGFPE,
    signal.SIGILL,
    signal.SIGTRAP,
    signal.SIGABRT,
    signal.SIGSYS,
    signal.SIGTTIN,
}


class Signals:
    """The signals of minirun's own process, read from a descriptor instead of interrupting whatever is going on."""

    def __init__(self) -> None:
        watched = set(signal.valid_signals()) - NOT_FORWARDED
        self.caller_mask = signal.pthread_sigmask(signal.SIG_BLOCK, watched)
        self.descriptor = signals.signalfd(int(number) for number in watched)

    def close(self) -> None:
        os.close(self.descriptor)
        signal.pthread_sigmask(signal.SIG_SETMASK, self.caller_mask)


def wait_for_end(context: Context, own: Signals) -> int:
    """Stay until the container's process ends; its exit status, 128 + N for signal N."""
    if context.console >= 0:
        from .relay import Relay  # most containers have no terminal

        with Relay(context.console) as relay:
            return loop(context, own, relay)
    return loop(context, own, None)


def loop(context: Context, own: Signals, relay: Relay | None) -> int:
    poll = select.poll()
    poll.register(own.descriptor, select.POLLIN)
    while True:
        if relay:
            relay.update(poll)
        for descriptor, events in poll.poll():
            if descriptor != own.descriptor:
                assert relay
                relay.carry(descriptor, events)
                continue
            number = signals.read_signal(descriptor)
            if number == signal.SIGCHLD:
                status = reap(context)
                if status is not None:
                    return status
            elif number == signal.SIGTSTP:
                stop(context, relay)
            elif number == signal.SIGWINCH and relay:
                relay.resize()
            else:
                forward(context, number)


def reap(context: Context) -> int | None:
    """Collect every child that has ended, orphans of the container too; the container's exit status if it is one."""
    result = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return result
        if pid == 0:
            return result
        if pid == context.pid:
            code = os.waitstatus_to_exitcode(status)
            result = code if code >= 0 else 128 - code
            context.pid = 0


def forward(context: Context, number: int) -> None:
    """Pass a signal on. A container's first process is protected from those that it has no handler for."""
    try:
        signals.pidfd_send_signal(context.pidfd, number)
    except SystemCallError:
        pass  # it ended just now; SIGCHLD is on its way


def stop(context: Context, relay: Relay | None) -> None:
    """SIGTSTP, Ctrl-Z: stop as a job of the caller's shell does, with the terminal in order, until SIGCONT."""
    forward(context, signal.SIGTSTP)
    if relay:
        relay.restore()
    os.kill(os.getpid(), signal.SIGSTOP)
    if relay:
        relay.take()


TYPE_CHECKING = False
if TYPE_CHECKING:
    from .relay import Relay
