"""Programs that use minirun as a library, and a bundle for them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from kernel.kit.runtime import REPOSITORY, TIMEOUT, new_id
from minirun import Bundle

if TYPE_CHECKING:
    from pathlib import Path


def small_bundle(place: Path) -> Bundle:
    """A bundle with busybox's shell, whose program sleeps."""
    rootfs = place / "rootfs"
    for name in ("bin", "proc", "dev", "sys", "tmp"):
        (rootfs / name).mkdir(parents=True)
    shutil.copy2(str(shutil.which("busybox")), rootfs / "bin" / "busybox")
    for name in ("sh", "cat", "sleep", "true", "pwd", "id", "hostname"):
        (rootfs / "bin" / name).symlink_to("busybox")
    return Bundle.create(place / "bundle", rootfs=rootfs, args=["sleep", "600"])


def script(lines: str, *words: object, folder: Path, prefix: tuple[str, ...] = (), **more) -> subprocess.Popen[str]:
    """A program that uses minirun, in a file of its own."""
    file = folder / f"program-{new_id()}.py"
    file.write_text(lines)
    return subprocess.Popen(
        [*prefix, sys.executable, str(file), *map(str, words)],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        text=True,
        **more,
    )


def wait_until(happens) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not happens():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
