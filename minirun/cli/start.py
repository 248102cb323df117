"""The first decision: who reads the command line."""

from __future__ import annotations

from .. import one_file
from ..kernel import signals
from ..runtime.again import HOME
from . import quick
from .output import say
from .spelling import plain
from .table import VERSION

WORKER = "--worker"  # how a program that uses minirun as a library starts it; not for people, so in no help

# The first stays as the caller has it, since nohup(1) is a wish of its own. The others Python ignores for itself, so
# that a pipe that nobody reads, or a limit of file sizes, is an error like any other.
STILL_IGNORED = (signals.SIGHUP, signals.SIGPIPE, signals.SIGXFSZ)


def start(words: list[str]) -> int:
    """Run the command line; the exit status."""
    signals.reset(but=STILL_IGNORED)  # a caller that has blocked SIGTERM could not end what it has started
    if words[:1] == [WORKER]:
        from ..api.worker import work

        return work(words)
    if quick.asks_for_version(words):
        say(f"{VERSION}\n")
        if words[-1] == "--version":  # by the others' names nobody would find it
            one_file.keep(HOME, "version")
        return 0
    words = plain(words)
    call = quick.read(words)
    from .actions import perform

    if call is None:
        from .commands import main

        return main(words, perform)
    status = perform(call)
    if status == 0:
        one_file.keep(HOME, call.command)
    return status
