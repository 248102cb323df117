"""Words for somebody who may not listen: on standard error, in a log, through a pipe."""

from __future__ import annotations

import os
import select
import stat

from . import signals

PATIENCE = 2.0  # seconds for whoever is to read a pipe
DEAF: set[int] = set()  # pipes that nobody reads


def put(descriptor: int, data: bytes) -> None:
    """Write what somebody may want to know, and don't fail over it: neither a full disk nor a pipe that nobody reads
    must keep a container from starting. The program's process has SIGPIPE at its default by the time that it says its
    last words (steps/program.py: ResetSignals)."""
    deadly = signals.getsignal(signals.SIGPIPE) == signals.SIG_DFL
    if deadly:
        signals.signal(signals.SIGPIPE, signals.SIG_IGN)
    try:
        if not is_full(descriptor):
            os.write(descriptor, data)
    except OSError:
        pass
    if deadly:
        signals.signal(signals.SIGPIPE, signals.SIG_DFL)


def is_full(descriptor: int) -> bool:
    """Whether a pipe has no room (pipe(7)) and nobody makes any in time; then it is not asked again. A terminal that
    was stopped, by Ctrl-S, goes on some time."""
    if descriptor not in DEAF and stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        poll = select.poll()
        poll.register(descriptor, select.POLLOUT)
        if not poll.poll(PATIENCE * 1000):
            DEAF.add(descriptor)
    return descriptor in DEAF
