"""A bundle, for a program to change: config.json as a dictionary."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import operations
from ..spec.load import NAME, content, decode
from ..spec.reader import Node

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..runtime.foresight import Finding

    StrPath = str | os.PathLike[str]


class Bundle:
    """A directory with a config.json (bundle.md).

    `path` is the directory. `config` is what config.json says, as plain dictionaries and lists: change it as you like.
    What a container is made of is `config` as it is at that moment; the file changes by write() only.
    """

    def __init__(self, path: StrPath) -> None:
        """Reads config.json. Raises MinirunError if there is none, ConfigError if it is not an object."""
        self.path = Path(os.path.abspath(path))
        self.config: dict[str, Any] = Node(decode(content(str(self.path))), "").object()

    @classmethod
    def create(
        cls,
        path: StrPath,
        rootfs: StrPath | None = None,
        args: Sequence[str] = ("sh",),
        *,
        terminal: bool = False,
        rootless: bool = False,
    ) -> Bundle:
        """Make a directory with a config.json to start from, the one that `minirun spec` writes.

        The container's root is `rootfs`, which is used where it is, or else the directory rootfs in the bundle, which
        is made if it is not there. Raises MinirunError where there is a config.json already.
        """
        path = Path(os.path.abspath(path))
        os.makedirs(path if rootfs else path / "rootfs", exist_ok=True)
        operations.write_default_config(str(path), rootless=rootless)
        bundle = cls(path)
        bundle.process.update(args=list(args), terminal=terminal)
        if rootfs:
            bundle.config["root"]["path"] = os.path.abspath(rootfs)
        bundle.write()
        return bundle

    @property
    def process(self) -> dict[str, Any]:
        """The part of the config that is about the program; an empty one is added where there is none."""
        process: dict[str, Any] = self.config.setdefault("process", {})
        return process

    @property
    def rootfs(self) -> Path:
        """The container's root directory."""
        return self.path / str(self.config["root"]["path"])

    def bind(self, source: StrPath, destination: str, *, read_only: bool = False) -> None:
        """Show a file or directory of the host in the container."""
        options = ["rbind", "rro" if read_only else "rw"]
        mount = {"type": "none", "source": os.path.abspath(source), "destination": destination, "options": options}
        self.config.setdefault("mounts", []).append(mount)

    def validate(self) -> list[Finding]:
        """Everything that is wrong with the config as it is now, errors first: what `minirun validate` says. A Finding
        has `level` ("error", "warning"), `pointer`, `message`, `cure` and `clause`."""
        return operations.validate(str(self.path), self.dumps().encode())

    def write(self) -> None:
        """Write the config to config.json, all of it or nothing."""
        unfinished = self.path / f".{NAME}.{os.urandom(4).hex()}"
        unfinished.write_text(self.dumps())
        unfinished.replace(self.path / NAME)

    def dumps(self) -> str:
        """The config as JSON."""
        return json.dumps(self.config, indent="\t") + "\n"

    def copy(self) -> Bundle:
        """The same directory, with a config of its own."""
        other = Bundle.__new__(Bundle)
        other.path, other.config = self.path, copy.deepcopy(self.config)
        return other

    def __repr__(self) -> str:
        return f"Bundle({str(self.path)!r})"
