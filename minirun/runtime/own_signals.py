"""The signals of minirun's own process: read from a descriptor instead of interrupting whatever is going on.

So nothing is ever left half done. What waits for something waits for a signal as well (`Signals.wait`), and one that
asks for an end is an error there, Interrupted, after which all is taken back as after any other.
"""

from __future__ import annotations

import os
import select
from time import monotonic

from ..errors import Interrupted, StateError
from ..kernel import signals
from ..steps.step import Channel, Context

# These stay as they are: two can't be caught, the others report what went wrong in minirun's own process (a fault, a
# pipe that nobody reads, a limit) or stop a background reader.
NOT_FORWARDED = {
    signals.SIGKILL,
    signals.SIGSTOP,
    signals.SIGSEGV,
    signals.SIGBUS,
    signals.SIGFPE,
    signals.SIGILL,
    signals.SIGTRAP,
    signals.SIGABRT,
    signals.SIGSYS,
    signals.SIGPIPE,
    signals.SIGXCPU,
    signals.SIGXFSZ,
    signals.SIGTTIN,
}

JUST_ENDED = "cannot exec in a stopped container: it has just ended"
GRACE = 5.0  # seconds for what is still to be waited for after such a signal: hooks that tidy up
NEVER = float("inf")
LONG = 1000.0  # seconds: poll(2) counts milliseconds in an int, so a wait without end is one piece after the other


class Signals:
    """Blocked from the first to the last, so that they wait to be read."""

    def __init__(self, lifeline: int = -1) -> None:
        """`lifeline` is a pidfd of the process without which there is nothing to wait for: the container that `exec`
        joins. Somebody may freeze what joins it, and then end the container."""
        self.lifeline = lifeline
        # A signal that is blocked waits even where it is ignored: what nohup(1) has minirun ignore has to be left out.
        watched = set(signals.valid_signals()) - NOT_FORWARDED - set(signals.ignored())
        self.caller_mask = signals.pthread_sigmask(signals.SIG_BLOCK, watched)
        self.descriptor = signals.signalfd(int(number) for number in watched)
        self.asked: Interrupted | None = None  # by the latest signal that asked for an end
        self.last_moment = NEVER  # of time.monotonic(): when nothing is waited for any more

    def wait(self, descriptor: int, seconds: float | None = None) -> bool:
        """Wait for a descriptor to be readable, at most so long; whether it is.

        Raises Interrupted at a signal that asks for an end. What waits after that has no more than GRACE in all: so
        the same signal need not be sent twice. Raises StateError at the end of the lifeline.
        """
        poll = watching(descriptor, self.descriptor, *([self.lifeline] if self.lifeline >= 0 else []))
        end = NEVER if seconds is None else monotonic() + seconds
        while (left := min(end, self.last_moment) - monotonic()) > 0:
            ready = dict(poll.poll(1000 * min(left, LONG)))
            if self.descriptor in ready:
                self.hear(signals.read_signal(self.descriptor))
            elif descriptor in ready:
                return True
            elif self.lifeline in ready:
                raise StateError(JUST_ENDED)
        if self.asked and self.last_moment <= end:
            raise self.asked
        return False

    def sleep(self, seconds: float) -> None:
        """Wait for nothing but signals."""
        self.wait(self.descriptor, seconds)

    def hear(self, number: int) -> None:
        """While there is no program yet, others than these mean nothing."""
        if number in signals.ENDING:
            self.last_moment = min(self.last_moment, monotonic() + GRACE)
            self.asked = Interrupted(number, signals.name(number))
            raise self.asked

    def forget(self) -> None:
        """Drop those that came too late to be passed on: they were not meant for what comes now. All is done by then,
        and does not fail any more."""
        try:
            while select.select([self.descriptor], [], [], 0)[0]:
                signals.read_signal(self.descriptor)
        except OSError:
            pass

    def close(self) -> None:
        self.forget()
        os.close(self.descriptor)
        signals.pthread_sigmask(signals.SIG_SETMASK, self.caller_mask)


class Alone(Channel):
    """For who has no process of a container to talk with, and waits for hooks."""

    def __init__(self, own: Signals) -> None:
        self.own = own

    def wait(self, context: Context, descriptor: int, seconds: float | None = None) -> bool:
        return self.own.wait(descriptor, seconds)


def watching(*descriptors: int) -> select.poll:
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return poll
