"""What a hook of minirun's own does, on the page: below everything else about its step."""

from __future__ import annotations

from .page_panels import html

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .explanation import Told


def within(told: Told) -> Iterator[str]:
    if told.parts:
        yield '<h4>What the hook does</h4><ol class="within">'
        for part in told.parts:
            command = f"<pre>{html(part.shell.rstrip())}</pre>" if part.shell else ""
            yield f"<li>{html(part.sentence)} <code>{html(part.manual)}</code>{command}</li>"
        yield "</ol>"
