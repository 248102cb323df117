"""Where the cgroup v2 hierarchy of this host is, and which controllers it has (cgroups(7))."""

from __future__ import annotations

from ..kernel import files
from ..kernel.mountinfo import mount_points

V1_CURE = (
    "this host gives the controller to cgroup v1. To move it to v2, boot with systemd.unified_cgroup_hierarchy=1 "
    "(or cgroup_no_v1={names}) on the kernel command line, or leave the limit out of config.json"
)
V2_CURE = "the kernel lacks it, or a parent cgroup does not hand it down: see {mount}/cgroup.controllers"


def mount_point() -> str:
    """Where cgroup2 is mounted; "" if nowhere. A hybrid host has it beside the v1 controllers, without their powers."""
    return next(iter(mount_points("cgroup2")), "")


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
