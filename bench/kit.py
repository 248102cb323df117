"""What the programs in bench/ have in common."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
INSTALLED = CHECKOUT / ".venv" / "bin" / "minirun"

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


def make_bundle(bundle: Path, *args: str) -> None:
    """A busybox bundle that runs a program, with nothing in it that only some runtimes do."""
    subprocess.run([CHECKOUT / "rootfs" / "busybox", bundle], check=True, stdout=subprocess.DEVNULL)
    path = bundle / "config.json"
    config = json.loads(path.read_text())
    config["process"] |= {"terminal": False, "args": list(args)}
    config["linux"].pop("resources", None)
    path.write_text(json.dumps(config))


def become_subreaper() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
