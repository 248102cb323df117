"""For who runs a container at a terminal: names in config.json that mean nothing.

Engines and scripts are not told, since they show every line that a runtime writes; `validate` tells everybody.
"""

from __future__ import annotations

from ..errors import MinirunError
from ..spec.gather import gather
from ..spec.load import decode
from ..spec.unread import unread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..runtime.log import Log

MOST = 5  # lines that somebody reads while a container starts


def warn(text: bytes, log: Log) -> None:
    """What is wrong with the rest, the run will tell."""
    try:
        _config, notes = gather(decode(text))
    except MinirunError:
        return
    found = list(unread(notes))
    for pointer, close in found[:MOST]:
        log.warning(f"config.json: {pointer}: has no effect here" + (f"; did you mean {close!r}?" if close else ""))
    if found[MOST:]:
        log.warning(f"config.json: {len(found) - MOST} more names have no effect here; minirun validate has them all")
