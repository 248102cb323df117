"""The two sides of each row: the engine's own runtime, and minirun in its place."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

REFERENCE, MINIRUN = "reference", "minirun"
SIDES = (REFERENCE, MINIRUN)  # in this order: what minirun makes an engine say is compared with what was said before


class Runtime(NamedTuple):
    name: str
    path: str

    @property
    def version(self) -> str:
        """Such as `crun 1.8.1`."""
        return read_version(self.path)


@functools.cache
def read_version(path: str) -> str:
    said = subprocess.run([path, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
    return said.partition("\n")[0].replace(" version", "")


def runtime_of(side: str, reference: str) -> Runtime:
    """`reference` is what the engine calls by itself, or what $ENGINES_REFERENCE says: crun or runc."""
    name = MINIRUN if side == MINIRUN else os.environ.get("ENGINES_REFERENCE", reference)
    path = shutil.which(name, path=f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin")
    assert path, f"{name} is not installed"
    return Runtime(name, path)
