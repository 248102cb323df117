"""What the programs in bench/ have in common."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
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


# ---- which minirun, on which Python


def find_minirun() -> str:
    return shutil.which("minirun") or str(INSTALLED)


def python_of(minirun: str) -> str:
    """The Python that a command `minirun` starts: the one beside it, or else the system's (scripts/minirun)."""
    beside = Path(minirun).resolve().with_name("python3")
    return str(beside) if beside.exists() else "/usr/bin/python3"


def install_with(python: str, place: Path) -> str:
    """The checkout's minirun on another Python, and its packages, which pip fetches; the command. Without them a start
    would look for them elsewhere, which takes time."""
    sources = place / "sources"
    shutil.copytree(CHECKOUT, sources, ignore=shutil.ignore_patterns(".*", "reports", "bundles"))  # setuptools writes
    subprocess.run([python, "-m", "venv", "--without-pip", place / "venv"], check=True)
    pip = [INSTALLED.with_name("python3"), "-m", "pip", "-qq", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", place, sources], check=True)
    wheel = next(place.glob("*.whl"))
    subprocess.run([*pip, "--python", place / "venv/bin/python3", "install", wheel], check=True)
    return str(place / "venv/bin/minirun")
