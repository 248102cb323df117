"""To wait for descriptors, and for the signals that ask for an end: these are read, not handled, as in a run, so that
nothing is left half done."""

from __future__ import annotations

import os
import select
import signal

from ..kernel import signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Stopped(Exception):
    """A signal asked for an end; its number."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Waiting:
    """For a `with` block. After it, the caller's own signals count again."""

    def __enter__(self) -> Self:
        self.before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        self.arrivals = signals.signalfd(ENDING)
        return self

    def __exit__(self, *_exception: object) -> None:
        while signal.sigpending() & set(ENDING):  # else it would end us where the block ends
            signals.read_signal(self.arrivals)
        os.close(self.arrivals)
        signal.pthread_sigmask(signal.SIG_SETMASK, self.before)

    def wait(self, seconds: float | None, *descriptors: int) -> list[int]:
        """Those that are readable, none after so many seconds; None: for as long as it takes. Raises Stopped."""
        poll = select.poll()
        for descriptor in (self.arrivals, *descriptors):
            poll.register(descriptor, select.POLLIN)
        ready = [found for found, _ in poll.poll(None if seconds is None else 1000 * max(0.0, seconds))]
        if self.arrivals in ready:
            raise Stopped(signals.read_signal(self.arrivals))
        return ready
