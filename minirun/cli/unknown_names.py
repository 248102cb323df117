"""For who runs a container at a terminal: what in config.json means nothing, or not what it seems to.

Engines and scripts are not told, since they show every line that a runtime writes; `validate` tells everybody.
"""

from __future__ import annotations

from ..errors import MinirunError, in_line
from ..plan.rootfs import has_mount_namespace
from ..runtime.foresight import CHROOT
from ..runtime.near_misses import near_misses
from ..spec.gather import gather
from ..spec.lines import lines
from ..spec.load import decode
from ..spec.repeats import repeated_names
from ..spec.unread import unread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..runtime.log import Log

MOST = 5  # lines that somebody reads while a container starts


def warn(file: bytes, config: bytes, log: Log) -> frozenset[str]:
    """`config` is what will be run: the file, or what --set has made of it. What is wrong there, the run will tell.
    The pointers to what has been told here."""
    try:
        found = list(slips(file, config))
    except MinirunError:
        return frozenset()
    numbers = lines(file, [pointer for pointer, _told in found]) if file == config else {}
    for pointer, told in found[:MOST]:
        log.warning(f"config.json: {pointer}{in_line(numbers.get(pointer, 0))}: {told}")
    if found[MOST:]:
        log.warning(f"config.json: {len(found) - MOST} more like these; minirun validate has them all")
    return frozenset(pointer for pointer, _told in found[:MOST])


def slips(file: bytes, config: bytes) -> Iterator[tuple[str, str]]:
    """The pointer of each, and what to say of it: last what nobody can help with. Raises MinirunError where it is no
    JSON."""
    value = decode(config)
    for pointer in repeated_names(file):
        yield pointer, "stands there more than once, and the last one counts"
    read, notes = gather(value)
    without_effect = list(unread(notes))
    for pointer, close in without_effect:
        if close:
            yield pointer, f"{NO_EFFECT}{question(close)}"
    for miss in near_misses(value):
        if miss.close:
            yield miss.pointer, f"{miss.message}{question(miss.close)}"
    if notes.is_good("/linux/namespaces") and not has_mount_namespace(read.linux):
        yield CHROOT.pointer, f"{CHROOT.message}; what helps: {CHROOT.cure}"
    yield from ((pointer, NO_EFFECT) for pointer, close in without_effect if not close)


NO_EFFECT = "has no effect here"


def question(close: str) -> str:
    return f"; did you mean {close!r}?"
