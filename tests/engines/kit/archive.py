"""Images as one file in the layout of `docker save`, which `ctr image import` takes and knows by their names."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

from engines.kit.image import image_file

if TYPE_CHECKING:
    from collections.abc import Sequence


@functools.cache
def archive(name: str, command: Sequence[str]) -> Path:
    """An image of that name, such as docker.io/library/busybox:latest, with the one layer that all tests share."""
    layer = image_file().read_bytes()
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": command, "Env": ["PATH=/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        }
    ).encode()
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    path = Path(f"/run/engines-{name.replace('/', '-')}.tar")
    with tarfile.open(path, "w") as tar:
        for file, content in (
            ("config.json", config),
            ("layer.tar", layer),
            ("manifest.json", json.dumps(manifest).encode()),
        ):
            entry = tarfile.TarInfo(file)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path
