"""Copies of minirun in the lab's directory, and what starts them."""

from __future__ import annotations

import os
import shlex
import shutil

from ...runtime.again import FLAGS, HOME, own_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..desk import Desk

LABS = "lab[0-9][0-9]_*"  # the folders of labs, this one among them, are not for whoever looks for faults


def copy(to: str) -> str:
    """The package `minirun` in the directory `to`; its path."""
    package = f"{to}/minirun"
    shutil.copytree(f"{HOME}/minirun", package, ignore=shutil.ignore_patterns(LABS))
    return package


def launcher(desk: Desk, name: str, home: str) -> str:
    """A command for the minirun in `home`, as scripts/minirun is for an installed one."""
    words = shlex.join([own_name(), *FLAGS, f"{home}/minirun/__main__.py"])
    return desk.write(name, f'#!/bin/sh\nexec {words} "$@"\n', 0o755)


def files(top: str, but: tuple[str, ...] = ()) -> list[str]:
    """All files below a directory, in order, without what Python has compiled."""
    found = []
    for directory, names, here in os.walk(top):
        names[:] = [name for name in names if name not in ("__pycache__", *but)]
        found += [f"{directory}/{name}" for name in here]
    return sorted(found)


def fingerprint(paths: list[str]) -> str:
    """The same as long as the files are."""
    from hashlib import sha256

    every = sha256()
    for path in paths:
        if os.path.isfile(path):
            with open(path, "rb") as file:
                content = file.read()
            every.update(f"{path} {len(content)} {os.stat(path).st_mode}\n".encode() + content)
    return every.hexdigest()
