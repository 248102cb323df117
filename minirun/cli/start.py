"""The first decision: who reads the command line."""

from __future__ import annotations

from . import quick
from .spelling import plain

WORKER = "--worker"  # how a program that uses minirun as a library starts it; not for people, so in no help


def start(words: list[str]) -> int:
    """Run the command line; the exit status."""
    if words[:1] == [WORKER]:
        from ..api.worker import work

        return work(words)
    words = plain(words)
    call = quick.read(words)
    if call is None:
        from .commands import main

        return main(words)
    from .actions import perform

    return perform(call)
