"""Where the cgroup v2 hierarchy of this host is, and which controllers it has (cgroups(7))."""

from __future__ import annotations

import os
from errno import ENOENT, ENOTDIR

from ..errors import SHORTAGES
from ..kernel import files
from ..kernel.constants import CGROUP2_SUPER_MAGIC
from ..kernel.libc import SystemCallError
from ..kernel.mountinfo import in_sight, mount_points

V1_CURE = (
    "this host gives the controller to cgroup v1. To move it to v2, boot with systemd.unified_cgroup_hierarchy=1 "
    "(or cgroup_no_v1={names}) on the kernel command line, or leave the limit out of config.json"
)
V2_CURE = "the kernel lacks it, or a parent cgroup does not hand it down: see {mount}/cgroup.controllers"


DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
MOUNT_CURE = "mkdir /run/cgroup2 && mount -t cgroup2 cgroup2 /run/cgroup2"

OUT_OF_SIGHT = "can't see the cgroup {}: cgroup2 is not mounted there any more, or something is mounted over it"
SIGHT_CURE = "mount it there again, or take away what covers it: findmnt, umount"


def mount_point() -> str:
    """Where cgroup2 is mounted, and to be seen; "" if nowhere. A hybrid host has it beside the v1 controllers, without
    their powers. A mount of the whole tree comes before those of a part."""
    return next((point for _root, point in sorted(in_sight("cgroup2"), key=lambda mount: mount[0] != "/")), "")


def reason_for_no_mount() -> tuple[str, str]:
    """Why there is no mount point, and what helps."""
    covered = mount_points("cgroup2")
    if covered:
        return (
            f"cgroup2 is mounted on {covered[0]}, but something else is mounted over it, or over a directory above",
            f"take away what covers it: findmnt, umount; or mount it once more: {MOUNT_CURE}",
        )
    return (
        "cgroup2 is not mounted on this host",
        f"boot with systemd.unified_cgroup_hierarchy=1; or only for now, and without limits: {MOUNT_CURE}",
    )


def open_cgroup(path: str) -> int:
    """A descriptor of the cgroup's directory. Raises SystemCallError; ENOTDIR also for a directory that is no cgroup:
    something else is mounted there by now, or whoever named it was wrong."""
    descriptor = files.open(path, DIRECTORY)
    if files.filesystem_type(descriptor) == CGROUP2_SUPER_MAGIC:
        return descriptor
    os.close(descriptor)
    raise SystemCallError(ENOTDIR, "open", f"{path} does not lie on cgroup2")


def is_out_of_sight(path: str) -> bool:
    """Whether nobody can tell if there is such a cgroup: what there is of the way to it does not lie on cgroup2."""
    while path not in ("", "/"):
        try:
            os.close(open_cgroup(path))
            return False
        except SystemCallError as error:
            if error.errno in SHORTAGES:
                raise
            if error.errno != ENOENT:
                return True
        path = os.path.dirname(path)
    return True


def available_controllers(mount: str) -> set[str]:
    """The controllers that the root of the hierarchy has to give."""
    return set(files.read_file(f"{mount}/cgroup.controllers").split())


def cure_for_missing(mount: str, names: set[str]) -> str:
    """How to get controllers that v2 does not have here."""
    cure = V1_CURE if names & held_by_v1() else V2_CURE
    return cure.format(names=",".join(sorted(names)), mount=mount)


def held_by_v1() -> set[str]:
    """The controllers that cgroup v1 has here."""
    # /proc/cgroups: name, hierarchy (0: that is v2's), number of cgroups, enabled
    rows = [line.split() for line in files.read_file("/proc/cgroups").splitlines() if not line.startswith("#")]
    return {row[0].replace("blkio", "io") for row in rows if row[1] != "0"}  # v2 has another name for that one


def reasons_for_missing(mount: str, parent: str, names: set[str]) -> list[str]:
    """Why the cgroups below `parent` lack these controllers, a sentence for each reason."""
    available, elsewhere = available_controllers(mount), held_by_v1()
    reasons: dict[str, list[str]] = {}
    for name in sorted(names):
        if name in available:
            why = f"for {parent[len(mount) :] or 'here'}: a cgroup above does not hand it down (cgroup.subtree_control)"
        else:
            why = "in cgroup v2 here: " + ("cgroup v1 has it" if name in elsewhere else "this kernel lacks it")
        reasons.setdefault(why, []).append(name)
    return [f"no {', '.join(which)} controller {why}" for why, which in reasons.items()]
