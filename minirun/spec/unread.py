"""Names in config.json that no reader has asked for: a run ignores them (config.md#extensibility), and whoever wrote
them may have meant another."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .gather import Notes


def unread(notes: Notes) -> Iterator[tuple[str, str]]:
    """The pointer of each, and the name in its place that it is most like; "" if like none."""
    for pointer, name, asked in notes.unread():
        import difflib  # late: it is slow to import, and most files have nothing of the kind

        yield pointer, next(iter(difflib.get_close_matches(name, asked, n=1)), "")
