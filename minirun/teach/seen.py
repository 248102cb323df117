"""What can be seen of a container's process while it is made, as words that a person can predict: before a step and
after it, so that the words whose values differ are what the step has changed.

Each kind of thing has names, and each name a value, which is only ever compared. What the kernel tells for people, such
as the path of an open file, depends on who looks from where; so there are numbers in its place.
"""

from __future__ import annotations

import os

from ..kernel.constants import CAPABILITIES
from ..steps.step import RUNTIME
from .inspection import facts, fields, limits_in, read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..steps.step import Context
    from .inspection import Facts
    from .mount_tree import Mount

    Values = Mapping[str, object]  # name -> value; the name is "" where a kind has but one thing
    Seen = dict[str, Values]  # kind -> its values

# In the order of /proc/PID/limits: asm/resource.h.
RLIMITS = (
    *("cpu", "fsize", "data", "stack", "core", "rss", "nproc", "nofile"),
    *("memlock", "as", "locks", "sigpending", "msgqueue", "nice", "rtprio", "rttime"),
)
SESSION = 3  # proc_pid_stat(5): of the fields behind the name, which may have blanks itself


def look(pid: int, proc: int, rootfs: str, context: Context) -> Seen:
    """By a descriptor of the host's /proc. Raises OSError, StateError where it can't be seen."""
    directory = os.open(str(pid), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=proc)
    try:
        found = facts(pid, directory, "")
        of_process = of_facts(found) | of_mounts(found.mounts, rootfs) | of_files(directory, found)
        return of_process | around(proc, found, context)
    finally:
        os.close(directory)


def changes(before: Seen, after: Seen) -> tuple[str, ...]:
    """What has another value: "namespaces uts", or the kind alone where it has but one thing."""
    found = {kind: different(before[kind], after[kind]) for kind in before}
    found["propagation"] = [point for point in found["propagation"] if point not in found["mounts"]]  # that says it
    if "cgroup" in found["namespaces"]:  # the same cgroup has another path in there
        found["cgroup"] = [name for name in found["cgroup"] if name != "path"]
    return tuple(f"{kind} {name}".rstrip() for kind, names in found.items() for name in names)


def different(before: Values, after: Values) -> list[str]:
    return [name for name in dict.fromkeys((*before, *after)) if before.get(name) != after.get(name)]


# ---- the kinds


def of_facts(found: Facts) -> Seen:
    return {
        "process": {"": (found.pid, found.inner_pids)},
        "namespaces": found.namespaces,
        "ids": {name.lower(): value for name, value in found.ids.items()},
        "maps": found.id_maps,
        "capabilities": {name: holding(number, found) for number, name in enumerate(CAPABILITIES)},
        "no_new_privs": {"": found.no_new_privileges},
        "seccomp": {"": found.seccomp},
        "label": {"": found.label},
    }


def of_mounts(found: tuple[Mount, ...], rootfs: str) -> Seen:
    """`rootfs` is where the container's root directory is put together."""
    mounts = by_point(found, rootfs)
    return {
        "mounts": {point: sorted(map(identity, group)) for point, group in mounts.items()},
        "propagation": {point: sorted(map(propagation, group)) for point, group in mounts.items()},
        "root": {"": root_mount(found)},
    }


def of_files(directory: int, found: Facts) -> Seen:
    """What `inspect` does not show."""
    kept = [number for number in found.descriptors if number not in found.closed_by_exec]  # the others are means
    return {
        "descriptors": {str(number): file for number in kept if (file := open_file(directory, number))},
        "rlimits": dict(zip(RLIMITS, map(amounts, read(directory, "limits").splitlines()[1:]))),
        "oom_score_adj": {"": read(directory, "oom_score_adj")},
        "session": {"": read(directory, "stat").rpartition(")")[2].split()[SESSION]},
        "umask": {"": fields(read(directory, "status")).get("Umask", "")},
        "cwd": {"": directory_number(directory)},
    }


def around(proc: int, found: Facts, context: Context) -> Seen:
    """What is not in /proc/PID. Host names show in their own namespace only (uts_namespaces(7)), and the files of a
    cgroup to who has the host's root. For who can't see it, it is the same before and after; and that is true:
    limits are set by steps of the runtime, and host names by steps of the container's process."""
    cgroup = context.cgroup if context.me == RUNTIME else ""
    return {
        "hostname": {"": read(proc, "sys/kernel/hostname")},
        "domainname": {"": read(proc, "sys/kernel/domainname")},
        "cgroup": {"path": (found.cgroup, found.v1_cgroups), "directory": bool(cgroup) and os.path.exists(cgroup)},
        "limits": limits_in(cgroup) if cgroup else {},
    }


# ---- their values


def by_point(mounts: tuple[Mount, ...], rootfs: str) -> dict[str, list[Mount]]:
    """By the names that config.json has for the places, before pivot_root as after."""
    found: dict[str, list[Mount]] = {}
    for mount in mounts:
        name = shortened(mount.point, rootfs).replace(" ", r"\040")  # as in mountinfo: names are single words
        found.setdefault(name, []).append(mount)
    return found


def shortened(point: str, rootfs: str) -> str:
    is_below = rootfs not in ("", "/") and f"{point}/".startswith(f"{rootfs}/")
    return (point[len(rootfs) :] or "/") if is_below else point


def identity(mount: Mount) -> tuple[object, ...]:
    """Not the mount's number: in a copy of the mount namespace all have others. The root of a cgroup hierarchy is told
    as who looks sees it (cgroup_namespaces(7))."""
    return mount.device, "" if mount.type.startswith("cgroup") else mount.root, mount.type, mount.source, mount.options


def propagation(mount: Mount) -> tuple[object, ...]:
    return mount.device, sorted(word.partition(":")[0] for word in mount.propagation)


def root_mount(mounts: tuple[Mount, ...]) -> tuple[str, str]:
    """The one whose parent is out of sight. A process sees its own root as /, wherever that is."""
    inside = {mount.id for mount in mounts}
    tops = (mount for mount in mounts if mount.parent not in inside or mount.parent == mount.id)
    return next(((mount.device, mount.root) for mount in tops), ("", ""))


def holding(number: int, found: Facts) -> tuple[str, ...]:
    """The sets that have the capability."""
    return tuple(name for name, mask in found.capabilities.items() if mask >> number & 1)


def open_file(directory: int, number: int) -> tuple[str, str] | None:
    """Which file it is (proc_pid_fdinfo(5)): its path changes with the root of who asks. None for one that was open
    only to read this."""
    try:
        known = fields(read(directory, f"fdinfo/{number}"))
    except FileNotFoundError:
        return None
    return known.get("mnt_id", ""), known.get("ino", "")


def amounts(line: str) -> str:
    """The soft and the hard limit, behind the 25 columns of a name (fs/proc/base.c)."""
    return " ".join(line[25:].split()[:2])


def directory_number(directory: int) -> tuple[int, int]:
    found = os.stat("cwd", dir_fd=directory)
    return found.st_dev, found.st_ino
