"""What two containers of lab 11 differ in: processes and all that /proc says of them, whoever built them."""

from __future__ import annotations

from ...teach.protections import PROTECTIONS
from .. import look

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ...teach.inspection import Facts

MASKED, READ_ONLY = ("/proc/keys", "/proc/timer_list"), ("/proc/sys",)
FLAGS = ("ro", "nosuid", "nodev", "noexec")


def own_namespaces(one: Facts) -> set[str]:
    """The kinds of which it has another than the machine."""
    host = look.host_namespaces()
    return {kind for kind, inode in one.namespaces.items() if inode != host.get(kind)}


def flags(one: Facts) -> dict[str, tuple[str, ...]]:
    """Mount points, with the type and those flags that protect. Of masks only the place counts: runtimes differ in what
    they hide a file with. What is mounted over something comes later in the list; the root is the first."""
    found: dict[str, tuple[str, ...]] = {}
    for mount in one.mounts:
        if mount.point in MASKED:
            found[mount.point] = ()
        elif mount.point != "/" or "/" not in found:
            found[mount.point] = (mount.type, *(flag for flag in FLAGS if flag in mount.options))
    return found


def roots(one: Facts) -> int:
    """How many mounts lie on its root: the old root, as long as it has not been detached."""
    return sum(mount.point == "/" for mount in one.mounts)


def is_root_of_namespace(one: Facts) -> bool:
    """Whether its root is that of its mount namespace, as after pivot_root(2), and not only its own (chroot(2))."""
    own = look.identity(f"/proc/{one.pid}/root")
    top = look.inside(one.pid, ("mnt",), lambda: look.identity("/"))
    return own is not None and top is not None and tuple(top) == own


# ---- protections


def is_read_only(one: Facts, points: tuple[str, ...]) -> bool:
    found = flags(one)
    return all("ro" in found.get(point, ()) for point in points)


def extra_mounts(one: Facts, other: Facts) -> set[str]:
    return set(flags(one)) - set(flags(other))


# The class of a step of minirun's plan -> what there is to see of it in /proc.
TRACES: dict[str, Callable[[Facts], object]] = {
    "Unshare": lambda one: sorted(own_namespaces(one)),
    "DetachOldRoot": lambda one: roots(one) == 1,
    "MakeRootReadOnly": lambda one: is_read_only(one, ("/",)),
    "MakePathReadOnly": lambda one: is_read_only(one, READ_ONLY),
    "MaskPath": lambda one: {mount.point for mount in one.mounts} & set(MASKED),
    "SetUser": lambda one: one.ids,
    "DropBoundingSet": lambda one: one.capabilities["bounding"],
    "SetCapabilities": lambda one: [one.capabilities[name] for name in ("effective", "permitted")],
    "SetNoNewPrivs": lambda one: one.no_new_privileges,
}


def lost_steps(one: Facts, other: Facts) -> list[str]:
    """The steps whose trace `other` has, and `one` has not."""
    return [step for step, trace in TRACES.items() if trace(one) != trace(other)]


def names_of(step: str) -> Iterator[str]:
    """What `explain --without` calls the protections that a step makes."""
    return (protection.name for protection in PROTECTIONS if step in protection.steps)
