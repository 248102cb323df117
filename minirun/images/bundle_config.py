"""The config.json of a bundle, from what the image says of itself."""

from __future__ import annotations

import os

from .. import quick_json
from ..kernel import files
from .conversion import converted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .conversion import Line
    from .fetch import Image
    from .namespaces import Range

ROOTFS, CONFIG = "rootfs", "config.json"


def write_config(
    image: Image,
    path: str,
    root: str,
    ranges: dict[str, tuple[Range, ...]] | None,
    first_mounts: tuple[dict[str, Any], ...] = (),
) -> list[str]:
    """What was left out, in words."""
    opened = files.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        own = (ranges["uid"][0][1], ranges["gid"][0][1]) if ranges else None
        config, lines = converted(image.config, opened, own)
    finally:
        os.close(opened)
    config["mounts"] = [*first_mounts, *config["mounts"]]
    if ranges:
        config["linux"] |= {f"{kind}Mappings": mappings(lines) for kind, lines in ranges.items()}
    text = quick_json.dumps(config, indent="\t") + "\n"
    files.create_file(f"{path}/{CONFIG}", text.encode(), 0o644)
    return [f"a {kind_of_line(line)} was left out: {line.left_out}" for line in lines if line.left_out]


def kind_of_line(line: Line) -> str:
    return "volume" if line.source.startswith("/config/Volumes/") else "label"


def mappings(lines: tuple[Range, ...]) -> list[dict[str, int]]:
    return [{"containerID": inside, "hostID": outside, "size": size} for inside, outside, size in lines]
