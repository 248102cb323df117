"""Which new cgroups and state directories belong to containers that somebody else runs at the same time.

Nobody notes down who has made a directory. But each process that a test starts, or that is left of one, is below this
process, which adopts orphans. So a cgroup where another process lives is not the tests' doing, unless it has one of
their names; one that is empty may be, whatever it is called.
"""

from __future__ import annotations

import os
from pathlib import Path

from kernel.kit.outside import parent_of
from kernel.kit.runtime import PREFIX


def without_strangers(new: dict[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """What is new on the host, by topic, but for strangers' cgroups and the state that goes with them."""
    theirs = frozenset(name for name in new["cgroups"] if PREFIX not in name and any(map(is_strange, members(name))))
    names = [os.path.basename(name) for name in theirs]
    state = frozenset(entry for entry in new["state directory"] if not any(id_in(entry) in name for name in names))
    return {**new, "cgroups": new["cgroups"] - theirs, "state directory": state}


def id_in(entry: str) -> str:
    """/run/RUNTIME/ID and all below it: the cgroup is called ID, or RUNTIME-ID.scope."""
    return entry.split("/")[3]


def members(cgroup: str) -> set[int]:
    """The processes in it and below it."""
    found: set[int] = set()
    for directory, _, _ in os.walk(cgroup):
        try:
            found.update(map(int, Path(directory, "cgroup.procs").read_text().split()))
        except OSError:  # it is gone by now, or threaded: cgroups(7)
            continue
    return found


def is_strange(pid: int) -> bool:
    """Whether it lives and is not below this process."""
    ancestor: int | None = pid
    while ancestor:
        if ancestor == os.getpid():
            return False
        ancestor = parent_of(ancestor)
    return ancestor == 0
