"""Lab 06. Who a process is, inside of its user namespace and outside: /proc/PID/status tells the ids as the reader's
namespace has them, /proc/PID/uid_map how those of the process's namespace lead to them (user_namespaces(7))."""

from __future__ import annotations

import os

from .. import bundles, look, sweep
from ..lab import Finding, Goal, Lab, done, not_yet, question, wrong
from ..needs import ROOT, USER_NAMESPACES, programs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...teach.inspection import Facts
    from ..desk import Desk

MAPPED, ENTERED, CONTAINED, ORDINARY = "6061", "6063", "6065", "6067"  # the seconds of each sleep
FIRST = 100000  # the host's id that is to be root inside
SALARIES = "ada 4711\nlinus 815\n"


def make(desk: Desk) -> None:
    """The directory `shared` is the host's root's, and what it holds nobody else may read."""
    os.makedirs(desk.file("shared"), exist_ok=True)
    desk.write("shared/salaries", SALARIES, mode=0o600)
    config = bundles.busybox(desk.file("bundle"), args=["sleep", CONTAINED], terminal=False)
    os.makedirs(desk.file("bundle/rootfs/shared"), exist_ok=True)
    config["mounts"].append(
        {"destination": "/shared", "type": "none", "source": desk.file("shared"), "options": ["rbind", "rw"]}
    )
    bundles.write(desk.file("bundle"), config)


def clear(_desk: Desk) -> None:
    for seconds in (MAPPED, ENTERED, ORDINARY):
        sweep.end_running("sleep", seconds)


# ---- what is seen of a process


def sleeper(seconds: str) -> Facts | None:
    """The process that runs sleep; with more than one, that in a user namespace of its own."""
    found = look.processes("sleep", seconds)
    return next(filter(is_apart, found), found[0] if found else None)


def is_apart(one: Facts) -> bool:
    return one.namespaces["user"] != look.host_namespaces()["user"]


def rows(one: Facts, kind: str) -> list[tuple[int, ...]]:
    """Each: the first id inside, the first outside, how many."""
    return [tuple(map(int, line.split())) for line in one.id_maps[kind]]


def outside(one: Facts) -> int:
    """Its effective user id, as the machine has it."""
    return int(one.ids["Uid"].split()[1])


def is_root_inside(one: Facts) -> bool:
    return any(inner == 0 and outer == outside(one) for inner, outer, _count in rows(one, "uid"))


def roots_owner(one: Facts) -> int | None:
    """Whom id 0 inside leads to."""
    return next((outer for inner, outer, _count in rows(one, "uid") if inner == 0), None)


def told(one: Facts) -> str:
    return f"process {one.pid} with the map {'; '.join(one.id_maps['uid']) or 'that is empty'}"


# ---- goals


def mapped(_desk: Desk) -> Finding:
    process, right = sleeper(MAPPED), f"root inside is {FIRST} outside, and 65535 more after it"
    if process is None:
        return not_yet("the process sleep 6061 in a user namespace", "no such process")
    if not is_apart(process):
        return wrong("no_namespace", f"process {process.pid} in the machine's own user namespace", "one of its own")
    found = rows(process, "uid")
    if not found:
        return not_yet(right, told(process))
    if (0, FIRST, 65536) in found:
        return groups_too(process)
    if any(row[:2] == (FIRST, 0) for row in found):
        return wrong("turned_around", told(process), right)
    return wrong("mapped_to_root" if roots_owner(process) == 0 else "", told(process), right)


def groups_too(process: Facts) -> Finding:
    if (0, FIRST, 65536) in rows(process, "gid"):
        return done(told(process))
    groups = "; ".join(process.id_maps["gid"]) or "nothing"
    return wrong("no_groups", f"gid_map has {groups}", "the same map for groups")


def entered(_desk: Desk) -> Finding:
    process = sleeper(ENTERED)
    if process is None or not is_apart(process):
        return not_yet("the process sleep 6063 as root inside of a user namespace")
    if is_root_inside(process) and outside(process) >= FIRST:
        return done(f"process {process.pid}: root inside, {outside(process)} outside")
    return wrong("still_nobody", f"{told(process)}, and it is {outside(process)} outside", "0 inside, not 0 outside")


def contained(_desk: Desk) -> Finding:
    process = sleeper(CONTAINED)
    if process is None:
        return not_yet("the container lab06 with a user namespace", "no process sleep 6065")
    if not is_apart(process) or outside(process) == 0:
        return wrong("container_is_root", f"process {process.pid} is root on this machine", f"{FIRST} or above")
    if is_root_inside(process) and outside(process) >= FIRST:
        return done(f"process {process.pid}: root inside, {outside(process)} outside")
    return wrong("", f"{told(process)}, and it is {outside(process)} outside", f"0 inside, {FIRST} or above outside")


def file(desk: Desk) -> Finding:
    try:
        owner = os.stat(desk.file("shared/mine")).st_uid
    except FileNotFoundError:
        return not_yet("the file shared/mine, written by root in the container")
    if owner >= FIRST:
        return done(f"its owner is {owner} on this machine")
    return wrong("file_of_root", f"its owner is {owner} on this machine", f"{FIRST} or above")


def ordinary(_desk: Desk) -> Finding:
    process = sleeper(ORDINARY)
    if process is None or not is_apart(process):
        return not_yet("the process sleep 6067, as root inside of a user namespace that an ordinary user has made")
    if outside(process) == 0:
        return wrong("made_by_root", f"process {process.pid} is root on this machine", "an ordinary user's")
    if is_root_inside(process):
        return done(f"process {process.pid}: root inside, {outside(process)} outside")
    return not_yet("root inside", told(process))


LAB = Lab(
    "Root who is nobody",
    35,
    goals=(
        Goal(
            "map",
            "sleep 6061 runs in a user namespace where root is 100000 outside, and 65536 ids are mapped.",
            mapped,
            points=3,
            tips=(
                "unshare --user sleep 6061 & makes the namespace",
                "the maps are written from outside, once: echo 0 100000 65536 > /proc/PID/uid_map",
            ),
        ),
        Goal(
            "root",
            "sleep 6063 runs as root inside of such a namespace, and is not root outside.",
            entered,
            points=3,
            tips=("nsenter --user --target PID sleep 6063 & enters the namespace of PID, and becomes 0 there",),
            after=("map",),
        ),
        Goal(
            "container",
            "The container lab06 has a user namespace: its root is 100000 or above on this machine.",
            contained,
            points=3,
            tips=("/linux/namespaces, /linux/uidMappings and /linux/gidMappings in bundle/config.json",),
        ),
        Goal(
            "file",
            "The container's root has written shared/mine.",
            file,
            points=3,
            tips=(
                "who owns the directory shared, and who is that inside? ls -ld on both sides",
                "whom must the directory belong to, outside, so that it belongs to root inside? chown is the tool",
            ),
            after=("container",),
        ),
        Goal(
            "user",
            "sleep 6067 runs as root in a user namespace that an ordinary user has made.",
            ordinary,
            points=2,
            tips=("in a terminal without root: unshare --user --map-root-user sleep 6067 &",),
        ),
        question(
            "setgroups",
            "What does /proc/PID/setgroups say of sleep 6067?",
            ("deny",),
            tips=("cat /proc/$(pgrep -x -f 'sleep 6067')/setgroups",),
            after=("user",),
        ),
        question(
            "overflow",
            "By which number does a process see an owner whom its map does not have?",
            ("65534",),
            tips=("ls -n shows numbers; cat /proc/sys/kernel/overflowuid",),
        ),
    ),
    hints={
        "no_namespace": "sleep 6061 runs, but in the machine's own user namespace, where root is root. unshare --user "
        "makes a new one before it starts a program.",
        "turned_around": "The map is the wrong way round: this one makes 100000 inside to root outside. The first "
        "number of a line is the id inside, the second the id outside, the third how many. A map is written once: "
        "begin with a new namespace.",
        "mapped_to_root": "Id 0 inside leads to id 0 outside: this root owns what root owns. unshare --map-root-user "
        "maps whoever calls it, and that was root. Write a map that begins at 100000, into a new namespace.",
        "no_groups": "Users are mapped, groups are not: every group is nogroup still, and nobody can become group 0. "
        "gid_map wants its own line.",
        "still_nobody": "This process is in the namespace, but the map has nobody for it: a map changes no process's "
        "ids, it says what they are called. nsenter without --preserve-credentials becomes 0 on its way in.",
        "container_is_root": "The container's root is this machine's root, and owns its files. Give config.json a "
        "user namespace and both mappings, delete the container, and start it again.",
        "file_of_root": "shared/mine was written by somebody who is root on this machine. Remove it, and let the "
        "container's root write it, with minirun exec.",
        "made_by_root": "That namespace was made by root, so its root is root again. Use a terminal without root.",
    },
    needs=(ROOT, USER_NAMESPACES, programs("unshare", "nsenter", "setpriv", "jq")),
    make=make,
    clear=clear,
    runtimes=True,
)
