"""A tmpfs looks like the directory that it covers: mode and owner are the image's, not those of a /tmp for all."""

from __future__ import annotations

import os
import stat

from ..kernel import files
from .paths import find
from .shell import in_root
from .step import Context

NOBODY = 65534  # who owns what no id of the user namespace stands for: user_namespaces(7)
ALL_IDS = ["0", "0", "4294967295"]  # the map of who is in no user namespace


def takes_over(filesystem: str, data: str) -> bool:
    """Whether config.json leaves the mode open: tmpfs(5), mode=."""
    return filesystem == "tmpfs" and not any(word.startswith("mode=") for word in data.split(","))


def looks_of(context: Context, destination: str) -> str:
    """The options that make a tmpfs look like the directory; "" where there is none yet."""
    place = find(context.root, destination)
    if place is None:
        return ""
    try:
        return ",".join(options_of(os.fstat(place)))
    finally:
        os.close(place)


def options_of(status: os.stat_result) -> list[str]:
    ids = [("uid", status.st_uid), ("gid", status.st_gid)]
    return [f"mode={stat.S_IMODE(status.st_mode):04o}", *(f"{kind}={n}" for kind, n in ids if is_somebody(kind, n))]


def is_somebody(kind: str, number: int) -> bool:
    """In a user namespace, what is nobody's is as good as root's: it is the host's, mostly."""
    return number != NOBODY or files.read_file(f"/proc/self/{kind}_map").split() == ALL_IDS


def shell_looks(destination: str) -> str:
    """The same in the shell: a command that leaves the options in a variable."""
    of_directory = f"stat -L -c mode=%a,uid=%u,gid=%g {in_root(destination)} 2>/dev/null"
    return f"{{ looks=$({of_directory}) || looks=mode=1777; }}"
