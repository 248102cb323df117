"""How often the limits of a cgroup have been hit: what the kernel counts in the files named events."""

from __future__ import annotations

from ..kernel import files
from .statistics import table

# Name -> file and key. Without `.local`, the cgroups below are counted, too. The cgroup whose limit it was counts the
# `oom`, that of the process which died the `oom_kill`.
COUNTERS = {
    "oom_kill": ("memory.events", "oom_kill"),
    "oom": ("memory.events", "oom"),
    "oom_here": ("memory.events.local", "oom"),
    "pids": ("pids.events", "max"),
}


def hits(cgroup: str) -> dict[str, int]:
    """The counters that are there: those of controllers that the cgroup has."""
    found = {}
    for name, (file, key) in COUNTERS.items():
        try:
            counts = table(files.read_file(f"{cgroup}/{file}"))
        except OSError:
            continue
        found[name] = counts.get(key, 0)
    return found
