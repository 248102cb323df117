"""A picture of the world (steps/world.py) as panels of a stage: named things, each with a value in a few words.

What a step has changed is what has another value on the stage before it. The same panels are shown by `explain` as
text, as JSON and on the page, and by `run --step`.
"""

from __future__ import annotations

from posixpath import normpath

from ..kernel.constants import CAPABILITIES
from ..record import Record
from ..steps.world import HOST, NO_FILE, OWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ..steps.world import Mount, World

    Panel = Mapping[str, str]  # name -> value; what is not there has no name either
    Stage = dict[str, Panel]  # title -> panel

NOTHING = "–"
AT_FIRST, IN_IT = "minirun, which sets it up", "is in it"
MADE = "made"
NAMES_TOLD = 6  # of things that change alike
UNLIMITED = 2**64 - 1
SETS = ("effective", "permitted", "inheritable", "bounding", "ambient")


class Change(Record):
    """Something on the stage, before a step and after it; "" where it is not there."""

    panel: str
    name: str
    was: str
    now: str


def stage(world: World) -> Stage:
    return {title: dict(panel(world)) for title, panel in PANELS.items()}


def changed(before: Stage, after: Stage) -> tuple[Change, ...]:
    return tuple(
        Change(title, name, before[title].get(name, ""), after[title].get(name, ""))
        for title in after
        for name in dict.fromkeys((*before[title], *after[title]))
        if before[title].get(name) != after[title].get(name)
    )


def changes_told(changes: tuple[Change, ...]) -> list[str]:
    """A line for each change, and one for all of a panel that change alike."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for change in changes:
        groups.setdefault((change.panel, change.was, change.now), []).append(change.name)
    is_copied = ("process", "", AT_FIRST) in groups
    lines = [
        f"{panel}: {some(names)} {was_and_now(was, now)}"
        for (panel, was, now), names in groups.items()
        if not is_copied or now in (OWN, IN_IT)
    ]
    return ["process: a copy of minirun's own", *lines] if is_copied else lines


def stage_told(shown: Stage) -> list[str]:
    """A line for each thing, and one for all of a panel that are alike."""
    everything = [Change(panel, name, "", value) for panel, things in shown.items() for name, value in things.items()]
    groups: dict[tuple[str, str], list[str]] = {}
    for one in everything:
        groups.setdefault((one.panel, one.now), []).append(one.name)
    return [f"{panel}: {some(names)}: {value}" for (panel, value), names in groups.items()]


def some(names: list[str]) -> str:
    more = [f"{len(names) - NAMES_TOLD} more"] if len(names) > NAMES_TOLD else []
    return ", ".join([*names[:NAMES_TOLD], *more])


def was_and_now(was: str, now: str) -> str:
    if not was:
        return f"({now}) is new" if now else "is new"
    return f"({was}) is gone" if not now else f"{was} → {now}"


# ---- the panels


def process(world: World) -> Iterator[tuple[str, str]]:
    if not world.is_started:
        return
    one = world.process
    yield "runs", " ".join(one.program) or AT_FIRST
    yield "session", one.session
    yield "terminal", OWN if one.has_terminal else HOST
    yield "directory", one.directory
    yield "umask", "the caller's" if one.umask is None else f"{one.umask:04o}"
    yield "keyring", one.keyring
    yield "descriptors", "all that are open" if one.descriptors is None else numbers(one.descriptors)
    yield "signals", "blocked, to be read" if one.blocks_signals else "as usual"
    yield "tracers", "may look into it" if one.is_dumpable else "kept out"
    yield from one.scheduling.items()
    yield from ((name, limits(*pair)) for name, pair in one.rlimits.items())


def namespaces(world: World) -> Iterator[tuple[str, str]]:
    if world.is_started:
        yield from world.process.namespaces.items()


def inside(world: World) -> Iterator[tuple[str, str]]:
    """What the namespaces hold."""
    if not world.is_started:
        return
    one = world.process
    yield "host name", one.host_name
    yield "domain name", one.domain_name
    yield from ((f"map of {kind}s", ids(lines)) for kind, lines in world.maps.items())
    yield from (
        (clock, f"{seconds} s and {nanoseconds} ns ahead") for clock, (seconds, nanoseconds) in world.clocks.items()
    )
    yield from ((f"device {name}", "moved in") for name in world.links)
    yield from world.sysctl.items()


def mounts(world: World) -> Iterator[tuple[str, str]]:
    """The container's tree, and whether the host's is in sight. Of mounts on the same place the latter has a number."""
    if not world.is_started:
        return
    one = world.process
    yield "the host's mounts", "in sight" if one.sees_host else "out of sight"
    yield "the root directory", one.root if one.root == HOST else "the container's"
    count: dict[str, int] = {}
    for mount in one.mounts:
        place = normpath(mount.place)
        count[place] = count.get(place, 0) + 1
        yield place if count[place] == 1 else f"{place} ({count[place]})", mounted(mount)


def mounted(mount: Mount) -> str:
    what = mount.type or ("hidden" if mount.source == NO_FILE else f"bound from {mount.source}")
    return ", ".join([what, *mount.words(), *([] if mount.is_certain else ["if it is there"])])


def devices(world: World) -> Iterator[tuple[str, str]]:
    yield from ((path.removeprefix("/dev/"), MADE) for path in world.devices)
    if world.has_device_filter:
        yield "others", "kept out by a filter"


def identity(world: World) -> Iterator[tuple[str, str]]:
    if not world.is_started:
        return
    one = world.process
    yield "user", str(one.uid)
    yield "group", str(one.gid)
    yield "further groups", "the caller's" if one.groups is None else numbers(one.groups)
    yield "label", one.label or "minirun's"
    yield "no_new_privs", "set" if one.has_no_new_privs else "not set"
    yield "system calls", "filtered" if one.filters else "all"


def capabilities(world: World) -> Iterator[tuple[str, str]]:
    """Each with the sets that hold it."""
    if world.is_started:
        sets = world.process.capabilities
        for name in CAPABILITIES:
            yield name.removeprefix("CAP_").lower(), " ".join(one for one in SETS if name in sets[one]) or NOTHING


def cgroup(world: World) -> Iterator[tuple[str, str]]:
    if world.cgroup:
        yield "cgroup", world.cgroup
    if world.is_started:
        yield "the process", IN_IT if world.cgroup and world.process.cgroup != HOST else "is in its caller's"
    yield from ((name, " ".join(value.split())) for name, value in world.limits.items())


def books(world: World) -> Iterator[tuple[str, str]]:
    yield from ((name, MADE) for name in world.books)


PANELS: Mapping[str, Callable[[World], Iterator[tuple[str, str]]]] = {
    "process": process,
    "namespaces": namespaces,
    "inside": inside,
    "mounts": mounts,
    "devices": devices,
    "identity": identity,
    "capabilities": capabilities,
    "cgroup": cgroup,
    "books": books,
}


# ---- their words


def numbers(values: tuple[int, ...]) -> str:
    return " ".join(map(str, values)) or "none"


def limits(soft: int, hard: int) -> str:
    words = ["unlimited" if value == UNLIMITED else str(value) for value in (soft, hard)]
    return words[0] if soft == hard else f"{words[0]}, at most {words[1]}"


def ids(lines: tuple[tuple[int, int, int], ...]) -> str:
    return ", ".join(f"{size} from {first} are {outside} and up outside" for first, outside, size in lines)
