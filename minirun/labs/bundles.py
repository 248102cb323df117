"""Bundles for the labs, made of this machine's busybox: no network, and no root, is needed."""

from __future__ import annotations

import json
import os
import shutil

from ..errors import StateError
from ..spec.default import default
from .programs import said

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Json = dict[str, Any]

DIRECTORIES = ("bin", "dev", "etc", "proc", "root", "sys", "tmp")
USERS = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"


def busybox(directory: str, **process: object) -> Json:
    """Make a bundle, and give its config, whose `process` has these values. `write` writes it. Raises StateError."""
    root = f"{directory}/rootfs"
    rootfs(root)
    uid = os.geteuid()
    config = default(uid != 0, uid, os.getegid())
    config["process"].update(process)
    config["hostname"] = f"lab{os.path.basename(os.path.dirname(directory))}"
    return config


def rootfs(root: str) -> None:
    """A root directory with busybox under the names of all programs that it can play. Raises StateError."""
    program = shutil.which("busybox")
    if program is None:
        raise StateError("there is no busybox here\n  cure:  apt-get install busybox-static")
    for name in DIRECTORIES:
        os.makedirs(f"{root}/{name}", exist_ok=True)
    shutil.copy(program, f"{root}/bin/busybox")
    for name in names(program):
        if not os.path.lexists(f"{root}/bin/{name}"):
            os.symlink("busybox", f"{root}/bin/{name}")
    with open(f"{root}/etc/passwd", "w", encoding="utf-8") as file:
        file.write(USERS)


def names(program: str) -> list[str]:
    return [name for name in said(program, "--list").split() if name != "busybox"]


def write(directory: str, config: Json) -> None:
    with open(f"{directory}/config.json", "w", encoding="utf-8") as file:
        json.dump(config, file, indent="\t")
        file.write("\n")
