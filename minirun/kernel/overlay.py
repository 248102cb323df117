"""Layers for overlayfs: mount(2) takes one page of options, and their paths may be longer together."""

from __future__ import annotations

import os

from . import files, mounts
from .libc import show

MOST_BYTES = 4095  # of all options together; what follows would be cut off
LOWER = "lowerdir="


def shortened(data: str) -> tuple[str, str]:
    """Where the options are too long, the directory that all layers lie in, and the options with their names in there;
    else "", and the options."""
    lower = next((word for word in data.split(",") if word.startswith(LOWER)), "")
    prefix = lower.removeprefix(LOWER).replace("\\:", "\0").partition(":")[0].rpartition("/")[0].replace("\0", "\\:")
    if is_short(data) or not prefix or has_relative(data):
        return "", data
    paths = f":{lower.removeprefix(LOWER)}"
    if paths.replace("\\:", "").count(":") != paths.count(f":{prefix}/"):
        return "", data
    names = paths.replace(f":{prefix}/", ":").removeprefix(":")
    return prefix.replace("\\:", ":").replace("\\\\", "\\"), data.replace(lower, LOWER + names)


def has_relative(data: str) -> bool:
    """Whether a path depends on the directory that one is in."""
    words = (word.partition("=") for word in data.split(","))
    return any(name in ("upperdir", "workdir") and not path.startswith("/") for name, _, path in words)


def is_short(data: str) -> bool:
    return len(os.fsencode(data)) <= MOST_BYTES


def mount(target: str, flags: int, data: str, source: str = "overlay") -> None:
    """mount(2), in the directory of the layers where that makes the difference."""
    directory, told = shortened(data)
    if not directory:
        return mounts.mount(source, target, "overlay", flags, told)
    here = files.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        files.chdir(directory)
        mounts.mount(source, target, "overlay", flags, told)
    finally:
        files.fchdir(here)
        os.close(here)


def show_mount(source: str, target: str, flags: int, data: str) -> tuple[str, ...]:
    directory, told = shortened(data)
    mounted = mounts.show_mount(source, target, "overlay", flags, told)
    return (show("chdir", directory), mounted) if directory else (mounted,)
