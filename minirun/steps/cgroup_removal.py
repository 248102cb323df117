"""The end of a cgroup: its processes are killed, and it goes with all that was made below it."""

from __future__ import annotations

import os
import time
from errno import EBUSY, ENOTDIR, ENOTEMPTY

from ..cgroups import hierarchy
from ..cgroups.tree import GONE, walk
from ..kernel import files
from ..kernel.libc import SystemCallError
from .step import Context, Refused

PATIENCE = 5.0  # seconds in which nothing of a cgroup could be removed, though its processes were killed


def remove_made(context: Context, mount: str) -> None:
    """Remove the parents that this run has made, and minirun's own, unless they serve another container by now."""
    for place in reversed(context.made):
        if place.startswith(mount + "/"):
            remove_unless_used(place)
    try:
        os.rmdir(f"{mount}/minirun")
    except OSError:
        pass  # busy with others, or gone, or not the caller's


def remove_unless_used(place: str) -> None:
    """ENOTDIR: it could not be made, since the kernel has a file of this name."""
    try:
        files.rmdir(place)
    except SystemCallError as error:
        if error.errno not in (EBUSY, ENOTEMPTY, ENOTDIR, *GONE):
            raise


def check_in_sight(path: str) -> None:
    """Raises Refused where nobody can tell whether the cgroup is gone."""
    if hierarchy.is_out_of_sight(path):
        raise Refused(hierarchy.OUT_OF_SIGHT.format(path), hierarchy.SIGHT_CURE)


def kill_cgroup(path: str) -> None:
    """End every process of the cgroup at once (cgroup.kill, Linux 5.14)."""
    try:
        files.write_file(f"{path}/cgroup.kill", "1")
    except SystemCallError as error:
        if error.errno not in GONE:  # somebody has removed it
            raise


def remove_cgroup(path: str) -> None:
    """Remove the cgroup and all that the container made below it. A process that is dying keeps its cgroup busy for a
    moment, and one that `exec` has put there meanwhile until it is killed, too."""
    deadline = time.monotonic() + PATIENCE
    while True:
        removed, busy = remove_free(path)
        if busy is None:
            return
        if removed:
            deadline = time.monotonic() + PATIENCE
        elif time.monotonic() > deadline:
            raise busy
        time.sleep(0.001)
        kill_cgroup(path)


def remove_free(path: str) -> tuple[int, SystemCallError | None]:
    """Remove what no process is in, from below: how many cgroups, and what the kernel said of the others."""
    removed, busy = 0, None
    for directory, name in walk(path):
        try:
            files.rmdirat(directory, name)
            removed += 1
        except SystemCallError as error:
            if error.errno not in (EBUSY, ENOTEMPTY, *GONE):
                raise
            busy = busy if error.errno in GONE else error
    return removed, busy
