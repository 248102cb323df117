"""What /proc has shown of a container's process, in the words of the film's panels: to stand beside what the picture of
the plan says of the same moment. What /proc does not show has no word here."""

from __future__ import annotations

from posixpath import normpath

from ..record import Record
from ..steps.world import HOST
from .film import names_in
from .panels import NOTHING, SETS, ids

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from .inspection import Facts
    from .panels import Panel, Stage

    Words = Iterator[tuple[str, str]]

ANOTHER = "not the host's"
NOT_SEEN, MOUNTED = "not there", "mounted: "
LONG_NAMES = {"mnt": "mount", "net": "network"}  # config.json's of those in /proc/PID/ns
PAGE = 4096  # bytes: memory is counted in these


class Beside(Record):
    """A thing of a panel as it was predicted, and as it was seen."""

    panel: str
    name: str
    predicted: str
    seen: str
    agrees: bool


def stage_seen(process: Facts, own: Facts) -> Stage:
    """`own` is the runtime's, which is in the host's namespaces."""
    return {title: dict(panel(process, own)) for title, panel in PANELS_SEEN.items()}


def seen_namespaces(process: Facts, own: Facts) -> Words:
    for kind, inode in process.namespaces.items():
        yield LONG_NAMES.get(kind, kind), HOST if own.namespaces.get(kind) == inode else ANOTHER


def seen_mounts(process: Facts, own: Facts) -> Words:
    """Of the container's own tree; as long as the host's is in sight, places have other names."""
    if process.namespaces.get("mnt") != own.namespaces.get("mnt"):
        yield from ((normpath(mount.point), f"{MOUNTED}{mount.type}") for mount in process.mounts)


def seen_identity(process: Facts, own: Facts) -> Words:
    for name, kind in (("user", "Uid"), ("group", "Gid")):
        outside = int(process.ids[kind].split()[1])
        yield name, str(inner(outside, process.id_maps[kind.lower()]))
    groups = (inner(int(one), process.id_maps["gid"]) for one in process.ids["Groups"].split())
    yield "further groups", " ".join(map(str, sorted(groups))) or "none"
    yield "no_new_privs", "set" if process.no_new_privileges else "not set"
    yield "system calls", "all" if process.seccomp == own.seccomp else "filtered"


def inner(outside: int, lines: tuple[str, ...]) -> int:
    """What the process calls an id that others call this (user_namespaces(7))."""
    for first, other, size in (map(int, line.split()) for line in lines):
        if other <= outside < other + size:
            return first + outside - other
    return outside


def seen_capabilities(process: Facts, own: Facts) -> Words:
    held = {name: names_in(process.capabilities[name]) for name in SETS}
    for name in names_in(-1):
        yield name.removeprefix("CAP_").lower(), " ".join(one for one in SETS if name in held[one]) or NOTHING


def seen_inside(process: Facts, own: Facts) -> Words:
    for kind, lines in process.id_maps.items():
        if lines != own.id_maps[kind]:
            rows = [tuple(map(int, line.split())) for line in lines]
            yield f"map of {kind}s", ids(tuple((row[0], row[1], row[2]) for row in rows))


def seen_cgroup(process: Facts, own: Facts) -> Words:
    yield "cgroup", process.cgroup
    yield from process.limits.items()


PANELS_SEEN: Mapping[str, Callable[[Facts, Facts], Words]] = {
    "namespaces": seen_namespaces,
    "inside": seen_inside,
    "mounts": seen_mounts,
    "identity": seen_identity,
    "capabilities": seen_capabilities,
    "cgroup": seen_cgroup,
}


# ---- beside the picture


def compared(predicted: Stage, seen: Stage) -> tuple[Beside, ...]:
    """Each thing that both know of."""
    return tuple(
        Beside(panel, name, told, shown, AGREE.get(panel, alike)(told, shown))
        for panel, things in predicted.items()
        for name, told, shown in pairs(panel, things, seen.get(panel, {}))
    )


def pairs(panel: str, predicted: Panel, seen: Panel) -> Iterator[tuple[str, str, str]]:
    for name, told in predicted.items():
        if name in seen and told not in UNKNOWN_BEFORE:
            yield name, told, seen[name]
        elif panel == "mounts" and seen and name.startswith("/") and not name.endswith(")"):
            yield name, told, NOT_SEEN


UNKNOWN_BEFORE = ("the caller's",)


def alike(told: str, seen: str) -> bool:
    return in_pages(told) == in_pages(seen)


def in_pages(value: str) -> str:
    return str(int(value) // PAGE * PAGE) if value.isdecimal() and int(value) >= PAGE else value


AGREE: Mapping[str, Callable[[str, str], bool]] = {
    "namespaces": lambda told, seen: (told == HOST) == (seen == HOST),
    "identity": lambda told, seen: sorted(told.split()) == sorted(seen.split()),
    "mounts": lambda told, seen: seen != NOT_SEEN or told.endswith("if it is there"),
    "cgroup": lambda told, seen: seen.endswith(told) if told.startswith("/") else alike(told, seen),
}
