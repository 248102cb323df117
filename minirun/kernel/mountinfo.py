"""What is mounted in this process's mount namespace: /proc/self/mountinfo (proc(5))."""

from __future__ import annotations

import re

from . import files


def mount_points(*types: str) -> list[str]:
    """Where file systems of these types are mounted, in the order in which they were."""
    found = []
    for line in files.read_file("/proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        if after.split(" ")[0] in types:
            found.append(unescaped(before.split(" ")[4]))
    return found


def unescaped(path: str) -> str:
    """A space in a path, and a few others, stand there as an octal number: \\040."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), path)
