"""With the container until its end: pass signals and news on, carry its terminal, wait for its exit status."""

from __future__ import annotations

import os
import select

from ..errors import StateError, reason
from ..kernel import signals
from ..kernel.libc import SystemCallError
from ..steps.step import Context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .notify import News
    from .own_signals import Signals
    from .relay import Relay


def wait_for_end(context: Context, own: Signals, news: News | None = None) -> int:
    """Stay until the container's process ends; its exit status, 128 + N for signal N."""
    if context.console >= 0:
        from .relay import Relay  # most containers have no terminal

        with Relay(context.console, context.window) as relay:
            context.console = -1  # the relay's now
            return loop(context, own, relay, news)
    return loop(context, own, None, news)


def loop(context: Context, own: Signals, relay: Relay | None, news: News | None) -> int:
    """Until the container's process has ended and its last words are on the screen."""
    poll = select.poll()
    poll.register(own.descriptor, select.POLLIN)
    if news:
        poll.register(news.fileno(), select.POLLIN)
    status = reap(context)  # it may have ended already, and the set-up has read the signal that said so
    while status is None or (relay and relay.has_more()):
        patience = relay.update(poll) if relay else None
        for descriptor, events in poll.poll(patience):
            if news and descriptor == news.fileno():
                news.pass_on()
                continue
            if descriptor != own.descriptor:
                assert relay
                relay.carry(descriptor, events)
                continue
            number = signals.read_signal(descriptor)
            if status is not None and number in signals.ENDING:
                return status  # nobody reads those last words
            if number == signals.SIGCHLD:
                status = reap(context) if status is None else status
            else:
                deal_with(number, context, relay)
    if news:
        news.pass_on()  # its last words, which may have come with its end
    return status


def reap(context: Context) -> int | None:
    """Collect every child that has ended, orphans of the container too; the container's exit status if it is one.
    Raises StateError where there is no child left to wait for."""
    result = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError as error:
            if context.pid and result is None:
                raise lost(error) from None
            return result
        if pid == 0:
            return result
        if pid == context.pid:
            code = os.waitstatus_to_exitcode(status)
            result = code if code >= 0 else 128 - code
            context.pid = 0


def lost(error: OSError) -> StateError:
    """Nobody can say any more how the container has ended."""
    return StateError(
        f"can't learn the exit status of the container's process: {reason(error)}\n"
        "  call:  wait4(-1, &status, WNOHANG, NULL)\n"
        "  cure:  whatever has collected it must leave minirun's children alone"
    )


def deal_with(number: int, context: Context, relay: Relay | None) -> None:
    """A signal to minirun is meant for the container, but for those that tell of minirun's own terminal."""
    if number == signals.SIGTSTP:
        stop(context, relay)
    elif number == signals.SIGWINCH and relay:
        relay.resize()
    else:
        forward(context, number)
    if number == signals.SIGHUP and relay and relay.is_cut_off():
        relay.hang_up()  # minirun's own terminal is gone, so the container's goes, too


def forward(context: Context, number: int) -> None:
    """Pass a signal on. A container's first process is protected from those that it has no handler for."""
    try:
        signals.pidfd_send_signal(context.pidfd, number)
    except SystemCallError:
        pass  # it ended just now; SIGCHLD is on its way


def stop(context: Context, relay: Relay | None) -> None:
    """SIGTSTP, Ctrl-Z: stop as a job of the caller's shell does, with the terminal in order, until SIGCONT."""
    forward(context, signals.SIGTSTP)
    if relay:
        relay.restore()
    os.kill(os.getpid(), signals.SIGSTOP)
    if relay:
        relay.take()
        relay.resize()
