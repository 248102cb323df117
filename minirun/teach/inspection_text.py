"""Two processes side by side: what the one has that the other has not."""

from __future__ import annotations

import json as json_module
from textwrap import wrap

from ..kernel.constants import CAPABILITIES
from .mount_tree import compare, drawn, flags
from .text import safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .inspection import Facts
    from .mount_tree import Compared

WIDTH, LABEL, COLUMN = 100, 16, 40
THE_SAME, NOTHING = "the same", "-"
ALL = (1 << len(CAPABILITIES)) - 1


# ---- as text


def text(process: Facts, against: Facts) -> str:
    """The whole picture."""
    lines: list[str] = [*head(process, against)]
    for title, part in PARTS:
        lines += ["", title, *part(process, against)]
    return "\n".join(map(safe, lines)) + "\n"


def head(process: Facts, against: Facts) -> Iterator[str]:
    yield row("process", str(process.pid), str(against.pid))
    yield row("program", clipped(process.command), clipped(against.command))


def row(label: str, value: str, other: str) -> str:
    return f"  {label:<{LABEL}}{value or NOTHING:<{COLUMN}}  {other or NOTHING}".rstrip()


def beside(label: str, value: str, other: str) -> str:
    return row(label, value, THE_SAME if value == other else other)


def clipped(words: str) -> str:
    return words if len(words) <= COLUMN else words[: COLUMN - 1] + "…"


def namespaces(process: Facts, against: Facts) -> Iterator[str]:
    for name, inode in process.namespaces.items():
        other = against.namespaces.get(name)
        yield row(name, str(inode), THE_SAME if inode == other else str(other or ""))


def identity(process: Facts, against: Facts) -> Iterator[str]:
    yield "  user and group: real, effective, saved, file system"
    for name, value in process.ids.items():
        yield beside(name.lower(), value, against.ids[name])
    yield "  ids inside, outside, how many"
    for kind, lines in process.id_maps.items():
        yield beside(f"{kind} map", "; ".join(lines), "; ".join(against.id_maps[kind]))


def capabilities(process: Facts, against: Facts) -> Iterator[str]:
    for name, mask in process.capabilities.items():
        yield beside(name, count(mask), count(against.capabilities[name]))
    sets: dict[int, list[str]] = {}
    for name, mask in process.capabilities.items():
        sets.setdefault(mask, []).append(name)
    for mask, names in sets.items():
        if mask & ALL not in (0, ALL):
            yield from wrapped(f"{', '.join(names)}: {words(mask)}")
    lost = against.capabilities["effective"] & ~process.capabilities["effective"]
    if lost:
        yield from wrapped(f"not effective, and effective there: {words(lost)}")


def count(mask: int) -> str:
    number = (mask & ALL).bit_count()
    return "none" if not number else "all" if number == len(CAPABILITIES) else f"{number} of {len(CAPABILITIES)}"


def words(mask: int) -> str:
    """The names of the set's capabilities, or of those that it lacks, whichever are fewer."""
    held = names(mask)
    missing = [name for name in CAPABILITIES if name not in held]
    if not missing:
        return "all"
    return f"all but {', '.join(missing)}" if len(missing) < len(held) else ", ".join(held)


def wrapped(line: str) -> list[str]:
    return wrap(line, WIDTH, initial_indent="  ", subsequent_indent=" " * (2 + LABEL), break_long_words=False)


def barriers(process: Facts, against: Facts) -> Iterator[str]:
    shown = {False: "off", True: "on"}
    yield beside("no_new_privs", shown[process.no_new_privileges], shown[against.no_new_privileges])
    yield beside("seccomp", process.seccomp, against.seccomp)
    yield beside("label", process.label, against.label)


def cgroup(process: Facts, against: Facts) -> Iterator[str]:
    yield from (f"  {line}" for line in in_two(process.cgroup, against.cgroup))
    for controllers, path in process.v1_cgroups.items():
        if path != against.v1_cgroups.get(controllers):
            yield f"  {path}  (version 1: {controllers})"
    for name in dict.fromkeys((*process.limits, *against.limits)):
        yield row(name, process.limits.get(name, "no limit"), against.limits.get(name, "no limit"))
    if not process.limits:
        yield "  no limit is set in this cgroup itself; those above it count as well"


def in_two(value: str, other: str) -> tuple[str, ...]:
    """Paths are long: one below the other."""
    return (value, f"{'':{LABEL}}there: {other}") if value != other else (f"{value}, {THE_SAME}",)


def mounts(process: Facts, against: Facts) -> Iterator[str]:
    if process.namespaces.get("mnt") == against.namespaces.get("mnt") and process.root == against.root:
        yield f"  {THE_SAME} {len(process.mounts)}: they share the mount namespace"
        return
    compared = compare(process.mounts, against.mounts)
    for mark, name, one in drawn(compared):
        yield f"  {mark} {name:<38} {one.mount.type:<10} {origin(one):<30} {flags(one.mount)}".rstrip()
    here = {one.mount.device for one in compared}
    gone = sum(1 for mount in against.mounts if mount.device not in here)
    yield f"  + only here   > there at another place, the one behind ←   {gone} that are there are not here"


def origin(one: Compared) -> str:
    if one.elsewhere:
        return f"← {one.elsewhere}"
    return one.mount.source if one.mount.source != one.mount.type else ""


def open_files(process: Facts, against: Facts) -> Iterator[str]:
    for number, target in process.descriptors.items():
        yield f"  {number:>4}  {target}"
    if not process.descriptors:
        yield "  none"


PARTS = (
    ("NAMESPACES", namespaces),
    ("MOUNTS", mounts),
    ("IDENTITY", identity),
    ("CAPABILITIES", capabilities),
    ("FILTERS AND LABELS", barriers),
    ("CGROUP", cgroup),
    ("OPEN FILES", open_files),
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
        "descriptors": process.descriptors,
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
