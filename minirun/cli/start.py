"""The first decision: read the command line here, or let click do it."""

from __future__ import annotations

from . import quick


def start(words: list[str]) -> int:
    """Run the command line; the exit status."""
    call = quick.read(words)
    if call is None:
        from .commands import main

        return main(words)
    from .actions import perform

    return perform(call)
