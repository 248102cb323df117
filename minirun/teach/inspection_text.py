"""Two processes side by side: what the one has that the other has not."""

from __future__ import annotations

import json as json_module
from itertools import zip_longest
from textwrap import wrap

from ..kernel.constants import CAPABILITIES
from ..safe import safe
from .mount_tree import compare, drawn, flags
from .text import plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .inspection import Facts
    from .mount_tree import Compared
    from .text import Paint

LABEL = 16  # columns
THE_SAME, NOTHING = "the same", "-"
ALL = (1 << len(CAPABILITIES)) - 1


# ---- as text


def text(process: Facts, against: Facts, width: int = 100, paint: Paint = plain) -> str:
    """The whole picture."""
    lines = [*head(process, against, width)]
    for title, manual, part in PARTS:
        heading = f"{paint('heading', title)}  {paint('source', manual)}"
        lines += ["", heading, *map(safe, part(process, against, width))]
    return "\n".join(lines) + "\n"


def head(process: Facts, against: Facts, width: int) -> Iterator[str]:
    yield from row("", f"process {process.pid}", f"process {against.pid}", width)
    yield from map(safe, row("program", program(process, width), program(against, width), width))
    yield from row("pid inside", numbers(process.inner_pids), numbers(against.inner_pids), width)


def program(process: Facts, width: int) -> str:
    room = column(width)
    return process.command if len(process.command) <= room else process.command[: room - 1] + "…"


def numbers(pids: Iterable[int]) -> str:
    return ", ".join(map(str, pids))


def column(width: int) -> int:
    """There are two of them, behind the labels."""
    return (width - 2 - LABEL - 2) // 2


def row(label: str, value: str, other: str, width: int) -> Iterator[str]:
    """Two values beside each other, on as many lines as the longer one takes."""
    room = column(width)
    cells = (wrap(text or NOTHING, room, break_on_hyphens=False) for text in (value, other))
    for number, (left, right) in enumerate(zip_longest(*cells, fillvalue="")):
        yield f"  {'' if number else label:<{LABEL - 1}} {left:<{room}}  {right}".rstrip()


def beside(label: str, value: str, other: str, width: int) -> Iterator[str]:
    return row(label, value, THE_SAME if value == other else other, width)


def wrapped(line: str, width: int, indent: str = "    ") -> list[str]:
    return wrap(line, width, initial_indent="  ", subsequent_indent=indent, break_on_hyphens=False)


def namespaces(process: Facts, against: Facts, width: int) -> Iterator[str]:
    yield from wrapped("by their inodes: processes with the same one are in the same namespace", width)
    for name, inode in process.namespaces.items():
        yield from beside(name, str(inode), str(against.namespaces.get(name, "")), width)


def identity(process: Facts, against: Facts, width: int) -> Iterator[str]:
    yield from wrapped("user and group by number: real, effective, saved, of the file system", width)
    for name, value in process.ids.items():
        yield from beside(name.lower(), value, against.ids[name], width)
    yield from wrapped("user_namespaces(7), its maps: first id inside, first id outside, how many", width)
    for kind, lines in process.id_maps.items():
        yield from beside(f"{kind} map", "; ".join(lines), "; ".join(against.id_maps[kind]), width)


def capabilities(process: Facts, against: Facts, width: int) -> Iterator[str]:
    for name, mask in process.capabilities.items():
        yield from beside(name, count(mask), count(against.capabilities[name]), width)
    sets: dict[int, list[str]] = {}
    for name, mask in process.capabilities.items():
        sets.setdefault(mask, []).append(name)
    for mask, kinds in sets.items():
        if mask & ALL not in (0, ALL):
            yield from wrapped(f"{', '.join(kinds)}: {words(mask)}", width)
    held, theirs = process.capabilities["effective"], against.capabilities["effective"]
    if theirs & ~held:
        yield from wrapped(f"dropped, of what is effective in the other: {words(theirs & ~held, theirs)}", width)
    if process.namespaces.get("user") != against.namespaces.get("user"):
        yield from wrapped("they count in its own user namespace, not in the other's (user_namespaces(7))", width)


def count(mask: int) -> str:
    number = (mask & ALL).bit_count()
    return "none" if not number else "all" if number == len(CAPABILITIES) else f"{number} of {len(CAPABILITIES)}"


def words(mask: int, among: int = ALL) -> str:
    """The names of the capabilities, or of those among which they are that are missing, whichever are fewer."""
    held, missing = names(mask & among), names(among & ~mask)
    if not missing:
        return "all"
    return f"all but {', '.join(missing)}" if len(missing) < len(held) else ", ".join(held)


def barriers(process: Facts, against: Facts, width: int) -> Iterator[str]:
    shown = {False: "off", True: "on"}
    yield from beside("no_new_privs", shown[process.no_new_privileges], shown[against.no_new_privileges], width)
    yield from beside("seccomp", process.seccomp, against.seccomp, width)
    yield from beside("label", process.label, against.label, width)


def cgroup(process: Facts, against: Facts, width: int) -> Iterator[str]:
    yield from (f"  {line}" for line in in_two(process.cgroup or NOTHING, against.cgroup))
    moved = {names: path for names, path in process.v1_cgroups.items() if path != against.v1_cgroups.get(names)}
    for controllers, path in moved.items():
        yield f"  {path}  (version 1: {controllers})"
    for name in dict.fromkeys((*process.limits, *against.limits)):
        yield from row(name, process.limits.get(name, "no limit"), against.limits.get(name, "no limit"), width)
    if not process.limits:
        yield from wrapped("no limit is set in this cgroup itself; those above it count as well", width)
    for path, found in process.limits_above.items():
        if path != against.cgroup and path not in against.limits_above:
            limits = ", ".join(f"{name} {value}" for name, value in found.items())
            yield from wrapped(f"above it, in {path}: {limits}", width)
    if moved:
        yield from wrapped("limits of version 1 are not read", width)


def in_two(value: str, other: str) -> tuple[str, ...]:
    """Paths are long: one below the other."""
    return (value, f"{'':{LABEL}}there: {other}") if value != other else (f"{value}, {THE_SAME}",)


def mounts(process: Facts, against: Facts, width: int) -> Iterator[str]:
    if process.namespaces.get("mnt") == against.namespaces.get("mnt") and process.root == against.root:
        yield f"  {THE_SAME} {len(process.mounts)}: they share the mount namespace"
        return
    compared = compare(process.mounts, against.mounts)
    here = {one.mount.device for one in compared}
    gone = sum(1 for mount in against.mounts if mount.device not in here)
    yield from wrapped(
        "+ a file system that the other process has not   > one that it has at another place, ← where", width
    )
    for mark, name, one in drawn(compared):
        yield from branch(f"{mark} {safe(name)}", one, width)
    yield f"  not here: {gone} mounts of the other process"


def branch(name: str, one: Compared, width: int) -> Iterator[str]:
    """A mount on one line; on more where it is too long for the column, as deep trees and origins are."""
    room = width // 2 - 4
    told, source = f"{one.mount.type:<10} {flags(one.mount)}", origin(one)
    if source and len(name) + len(source) < room:
        name, source = f"{name} {source}", ""
    if len(name) <= room:
        yield f"  {name:<{room}} {told}".rstrip()
    else:
        yield f"  {name}"
        yield f"  {'':<{room}} {told}".rstrip()
    if source:
        yield f"        {source}"


def origin(one: Compared) -> str:
    """Where the other process has it. Of one that is new, its source, if that says more than its type."""
    if one.elsewhere:
        return f"← {one.elsewhere}"
    return f"({one.mount.source})" if "/" in one.mount.source else ""


def open_files(process: Facts, against: Facts, width: int) -> Iterator[str]:
    for number, target in process.descriptors.items():
        closed = "  (closed by execve)" if number in process.closed_by_exec else ""
        yield f"  {number:>4}  {target}{closed}"
    if not process.descriptors:
        yield "  none"


PARTS = (
    ("NAMESPACES", "namespaces(7)", namespaces),
    ("MOUNTS", "mount_namespaces(7)", mounts),
    ("IDENTITY", "credentials(7)", identity),
    ("CAPABILITIES", "capabilities(7)", capabilities),
    ("FILTERS AND LABELS", "seccomp(2)", barriers),
    ("CGROUP", "cgroups(7)", cgroup),
    ("OPEN FILES", "proc(5)", open_files),
)


# ---- as JSON


def json(process: Facts, against: Facts) -> str:
    """Members by the names of JSON. What stands at the top is the process's; `against` has the other's."""
    told = as_object(process, against)
    told["against"] = as_object(against, process)
    return json_module.dumps(told, indent=2) + "\n"


def as_object(process: Facts, against: Facts) -> dict[str, object]:
    return {
        "pid": process.pid,
        "innerPids": process.inner_pids,
        "command": process.command,
        "namespaces": process.namespaces,
        "root": process.root,
        "mounts": [mount_object(one) for one in compare(process.mounts, against.mounts)],
        "uid": process.ids["Uid"].split(),
        "gid": process.ids["Gid"].split(),
        "groups": process.ids["Groups"].split(),
        "uidMap": process.id_maps["uid"],
        "gidMap": process.id_maps["gid"],
        "capabilities": {name: names(mask) for name, mask in process.capabilities.items()},
        "noNewPrivileges": process.no_new_privileges,
        "seccomp": process.seccomp,
        "label": process.label,
        "cgroup": process.cgroup,
        "v1Cgroups": process.v1_cgroups,
        "limits": process.limits,
        "limitsAbove": process.limits_above,
        "descriptors": process.descriptors,
        "closedByExec": process.closed_by_exec,
    }


def names(mask: int) -> list[str]:
    return [name for number, name in enumerate(CAPABILITIES) if mask & 1 << number]


def mount_object(one: Compared) -> dict[str, object]:
    mount = one.mount
    return {
        "point": mount.point,
        "type": mount.type,
        "source": mount.source,
        "root": mount.root,
        "device": mount.device,
        "options": mount.options,
        "propagation": mount.propagation,
        "is": one.change,
        "elsewhere": one.elsewhere,
    }
