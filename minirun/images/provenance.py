"""Where an image's parts come from, for `explain --image`: which layer has brought or taken away how much, and the line
that made it; and which line of the image's configuration becomes which line of config.json.

Nothing is unpacked on the disk: the layers' tar files are read through, and the image's user is looked up in the
/etc/passwd and /etc/group that the last of them brings.
"""

from __future__ import annotations

import os
import tempfile

from .. import quick_json
from ..record import Record
from ..safe import safe
from .conversion import lines_of
from .layer import OF_AUFS, OPAQUE, WHITEOUT
from .listing import in_megabytes
from .removal import remove_path
from .streams import Tap, decompressed
from .tar_entries import DIRECTORY, FILE, tar_entries

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .conversion import Line
    from .descriptors import Descriptor
    from .fetch import Image
    from .store import Store

TABLES = ("etc/passwd", "etc/group")
MOST_BYTES_OF_TABLE = 16 << 20
MOST_SHOWN = 5  # names of a layer


class LayerTold(Record):
    """`stored` and `size` in bytes: as it is fetched, and of its files. `names` are the first that it brings."""

    digest: str
    made_by: str
    stored: int
    size: int
    added: int
    removed: int
    names: tuple[str, ...]
    gone: tuple[str, ...]


class ImageTold(Record):
    name: str
    digest: str
    platform: str
    layers: tuple[LayerTold, ...]
    lines: tuple[Line, ...]


def explained(store: Store, image: Image, most: int) -> ImageTold:
    """Raises ImageError."""
    tables: dict[str, bytes] = {}
    made_by = created_by(image.config)
    layers = [
        layer_told(store, layer, made_by[number] if number < len(made_by) else "", most, tables)
        for number, layer in enumerate(image.manifest.layers)
    ]
    platform = "/".join(str(image.config.get(name)) for name in ("os", "architecture"))
    lines = tuple(lines_with(image.config, tables))
    return ImageTold(image.name, image.manifest.descriptor.digest, platform, tuple(layers), lines)


def created_by(config: dict[str, Any]) -> list[str]:
    """The commands that have made layers (image-spec, "Image Configuration", history)."""
    history = config.get("history")
    found = [one for one in history if isinstance(one, dict)] if isinstance(history, list) else []
    return [str(one.get("created_by", "")) for one in found if not one.get("empty_layer")]


def layer_told(store: Store, layer: Descriptor, made_by: str, most: int, tables: dict[str, bytes]) -> LayerTold:
    size = added = removed = 0
    names: list[str] = []
    gone: list[str] = []
    with store.open_blob(layer.digest) as file:
        tap = Tap(decompressed(file), most)
        for entry in tar_entries(tap):
            if entry.name.startswith(WHITEOUT):
                removed += not entry.name.startswith(OF_AUFS) or entry.name == OPAQUE
                if len(gone) < MOST_SHOWN:
                    gone.append(what_goes(entry.names))
                continue
            added += 1
            size += sum(length for _, length in entry.pieces)
            if entry.kind != DIRECTORY and len(names) < MOST_SHOWN:
                names.append("/" + entry.path)
            if entry.path in TABLES and entry.kind == FILE and entry.size < MOST_BYTES_OF_TABLE:
                tables[entry.path] = tap.read(entry.size)
    return LayerTold(layer.digest, made_by, layer.size, size, added, removed, tuple(names), tuple(gone))


def what_goes(names: tuple[str, ...]) -> str:
    directory = "".join(f"/{name}" for name in names[:-1])
    return f"{directory}/*" if names[-1] == OPAQUE else f"{directory}/{names[-1].removeprefix(WHITEOUT)}"


def lines_with(config: dict[str, Any], tables: dict[str, bytes]) -> Iterator[Line]:
    """A directory that has nothing but the tables, for the time of reading them."""
    place = tempfile.mkdtemp(prefix="minirun-")
    try:
        os.mkdir(f"{place}/etc")
        for path, text in tables.items():
            with open(f"{place}/{path}", "wb") as file:
                file.write(text)
        opened = os.open(place, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield from list(lines_of(config, opened))
        finally:
            os.close(opened)
    finally:
        remove_path(place)


# ---- to read


def as_json(told: ImageTold) -> str:
    layers = [dict(zip(layer.fields, layer.values())) for layer in told.layers]
    lines = [dict(zip(line.fields, line.values())) for line in told.lines]
    whole = {"name": told.name, "digest": told.digest, "platform": told.platform, "layers": layers, "config": lines}
    return quick_json.dumps(whole, indent=2) + "\n"


def as_text(told: ImageTold) -> str:
    head = [f"{safe(told.name)}: {told.digest}, for {safe(told.platform)}", ""]
    layers = [line for number, layer in enumerate(told.layers, 1) for line in layer_lines(number, layer)]
    middle = ["What becomes of the image's configuration in config.json; all else is as minirun spec has it.", ""]
    return "\n".join([*head, *layers, *middle, *(line_told(line) for line in told.lines)]) + "\n"


def layer_lines(number: int, layer: LayerTold) -> Iterator[str]:
    yield f"Layer {number}  {layer.digest}"
    if layer.made_by:
        yield f"    made by   {safe(layer.made_by)}"
    yield f"    fetched   {in_megabytes(layer.stored)}, as files {in_megabytes(layer.size)}"
    yield f"    brings    {several(layer.added, layer.names)}"
    if layer.removed:
        yield f"    removes   {several(layer.removed, layer.gone)}"
    yield ""


def several(count: int, names: tuple[str, ...]) -> str:
    entries = "1 entry" if count == 1 else f"{count} entries"
    shown = ", ".join(map(safe, names)) + (", …" if count > len(names) else "")
    return f"{entries}: {shown}" if names else entries


def line_told(line: Line) -> str:
    if line.left_out:
        return f"    {safe(line.source)} → left out: {line.left_out}"
    return f"    {safe(line.source)} → {safe(line.target)}: {safe(quick_json.dumps(line.value))}"
