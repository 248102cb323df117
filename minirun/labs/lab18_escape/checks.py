"""Lab 18. Whether a protection is missing is seen of the container's process in /proc; what got out through the hole is
in a file that the container has written. The check can't see who wrote it."""

from __future__ import annotations

import json
import os

from .. import bundles, look, profiles
from ..lab import Finding, Goal, Lab, done, not_yet, question, wrong
from ..needs import THROW_AWAY, programs
from . import secrets
from .holes import HOLES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ...teach.inspection import Facts
    from ..desk import Desk
    from .holes import Hole

HERE = os.path.dirname(os.path.abspath(__file__))
PATTERN = "/proc/sys/kernel/core_pattern"
PLACES = ("file", "command", "key")
ROOT = "bundle/rootfs"


def make(desk: Desk) -> None:
    desk.kept.setdefault("core_pattern", look.read(PATTERN) or "core")
    desk.note()
    config = bundles.busybox(desk.file("bundle"), args=["sh", "/server"], terminal=False)
    config["root"]["readonly"] = False
    for rights in config["process"]["capabilities"].values():
        rights.append("CAP_SYS_CHROOT")  # as Docker leaves it to every container
    bundles.write(desk.file("bundle"), config)
    desk.write("user.json", json.dumps(profiles.with_user_namespace(config), indent="\t") + "\n")
    for name in ("captured", "kept"):
        os.makedirs(desk.file(f"{ROOT}/{name}"))
    for name in ("orders", "answers"):
        os.mkfifo(desk.file(f"{ROOT}/{name}"))
        os.chmod(desk.file(f"{ROOT}/{name}"), 0o666)  # the root of a user namespace is nobody to them
    for name in ("server", "helper", *(f"attack/{name}" for name in os.listdir(f"{HERE}/attack"))):
        desk.give(f"{HERE}/{name}", f"{ROOT}/{name}", mode=0o755)
    desk.give(f"{HERE}/ask", "ask", mode=0o755)
    secrets.hide(desk)


def clear(desk: Desk) -> None:
    """The pattern is the whole machine's, and stays when the container is gone."""
    before = desk.kept.get("core_pattern")
    if before is not None and look.read(PATTERN) != before:
        with open(PATTERN, "w", encoding="utf-8") as file:
            file.write(before)
    secrets.take_away()


# ---- what is seen


def containers(desk: Desk) -> list[Facts]:
    """The processes whose root is that of the bundle, whoever has started them."""
    root = look.identity(desk.file(ROOT))
    if root is None:
        return []
    inside = [pid for pid in look.apart("mnt") if look.identity(f"/proc/{pid}/root") == root]
    return [one for one in map(look.process, inside) if one]


def holes(one: Facts) -> list[str]:
    return [hole.name for hole in HOLES if hole.is_open(one)]


def places_in(text: str, desk: Desk) -> list[str]:
    """Of which of the machine's secrets the text tells."""
    return [place for place in PLACES if secrets.of(desk, place) in text]


# ---- goals


def captured(hole: Hole) -> Callable[[Desk], Finding]:
    file = f"captured/{hole.name}"

    def look_at(desk: Desk) -> Finding:
        text, wanted = desk.read(f"{ROOT}/{file}"), " or ".join(f"the {place}'s" for place in hole.secrets)
        if text is None:
            return not_yet(f"{wanted} token in {ROOT}/{file}, and the container that wrote it, which still runs")
        places = places_in(text, desk)
        if not places:
            return wrong("no_token", f"{file}: {text.strip()[:60] or 'nothing'}", f"{wanted} token")
        if not set(places) & set(hole.secrets):
            return wrong("other_token", f"the {places[0]}'s token in {file}", f"{wanted} token")
        opened = [one for one in containers(desk) if holes(one) == [hole.name]]
        if not opened:
            return wrong("nobody_there", f"the token in {file}", "a process in the bundle's root with this hole alone")
        return done(f"process {opened[0].pid} has this hole, and {file} the {places[0]}'s token")

    return look_at


def kept(desk: Desk) -> Finding:
    files = {hole.name: desk.read(f"{ROOT}/kept/{hole.name}") for hole in HOLES}
    missing = [name for name, text in files.items() if text is None]
    for name, text in files.items():
        if text and (places := places_in(text, desk)):
            return wrong("still_captured", f"the {places[0]}'s token in kept/{name}", "none")
    if missing:
        return not_yet("what each attack gets in one container with all defences, in kept/", f"no {missing[0]} there")
    found = containers(desk)
    if not found:
        return not_yet("the container in which the attacks have failed, which still runs", "no process in that root")
    open_ones = {one.pid: holes(one) for one in found}
    if all(open_ones.values()):
        pid, names = next(iter(open_ones.items()))
        return wrong("still_open", f"process {pid} has {', '.join(names)}", "a container without a hole")
    pattern = look.read(PATTERN)
    if pattern != desk.kept["core_pattern"]:
        return wrong("pattern_left", f"{PATTERN}: {pattern}", desk.kept["core_pattern"])
    return done(f"six attacks without a token, and process {found[0].pid} without a hole")


def goal(number: int, text: str, *tips: str) -> Goal:
    return Goal(HOLES[number].name, text, captured(HOLES[number]), points=2, tips=tips, once=True)


LAB = Lab(
    "No virtual machine: what escapes",
    40,
    goals=(
        goal(
            0,
            "A container that runs without pivot_root has captured the token in root's file.",
            "minirun run --detach --without pivot --bundle bundle lab18; ./ask 'sh /attack/pivot > /captured/pivot'",
            "check while that container still runs: minirun lab check 18",
        ),
        goal(
            1,
            "A container that was handed an open directory has captured the same token.",
            "exec 9</root opens the directory in your shell; --without descriptors hands it on",
        ),
        goal(
            2,
            "A container in the machine's PID namespace has captured the token on a command line.",
            "--without pid; then ./ask 'sh /attack/pid > /captured/pid'",
        ),
        goal(
            3,
            "A container whose paths are not masked has captured the token in the name of a key.",
            "keyrings(7), proc(5): which file of /proc lists keys?",
            "in bundle/rootfs/attack/masked-paths: grep token /proc/keys",
        ),
        goal(
            4,
            "A container that can write settings of the kernel has had it fetch the token in root's file.",
            "--without readonly-paths; the attack is there already, in bundle/rootfs/attack",
        ),
        goal(
            5,
            "A container with CAP_SYS_ADMIN, and nothing else missing, has captured the key's or the file's token.",
            "what is hidden in /proc is hidden by mounts over it: with CAP_SYS_ADMIN one may mount",
            "mount -t proc proc /tmp shows the same files again, at another place, where nothing lies over them",
        ),
        Goal(
            "kept",
            "In one container with all defences all six attacks fail, and the machine is as it was before.",
            kept,
            points=4,
            tips=(
                "minirun run --detach --bundle bundle lab18; in there each attack again, its words to /kept/NAME",
                "the setting that outlives the container: /proc/sys/kernel/core_pattern",
            ),
            once=True,
        ),
        question(
            "nobody",
            "In a container with a user namespace, one of the six attacks still works. Which?",
            ("pid",),
            wrongs={
                "try_it": ("pivot", "descriptors", "masked-paths", "readonly-paths", "admin", "core_pattern", "all"),
            },
            points=2,
            tips=(
                "minirun run --detach --config user.json --without NAME --bundle bundle lab18; ./ask sh /attack/NAME",
            ),
        ),
    ),
    hints={
        "no_token": "The attack has run, and got nothing. Was the container started with --without and the name of "
        "this hole? minirun says on standard error what is missing. If it was, run the attack without “> …” and read "
        "what it says. For descriptors, your shell has to have /root open as number 9.",
        "other_token": "That is a token, but that of another place: there are three of them. Each hole leads to its "
        "own, so this one came through another hole, or from outside.",
        "nobody_there": "The token is there, but no container runs that has this hole and no other, so nothing shows "
        "that it came through there. Do it again, with one hole, and check while that container runs: minirun lab "
        "watch 18, in a second terminal, does it for you.",
        "still_captured": "An attack that was to fail has captured a token. Something is still open in that container: "
        "config.json has CAP_SYS_ADMIN, or it was started with --without. Begin again with rm bundle/rootfs/kept/*",
        "still_open": "The attacks have failed, but the container that runs now has a hole, so something else was in "
        "the way. Start it with minirun run --bundle bundle, without --without, and from the config.json that has no "
        "CAP_SYS_ADMIN.",
        "pattern_left": "The container is gone, and the kernel still does what it has said: the next program of the "
        "machine that crashes starts what is named in core_pattern. Write the old word back into it.",
        "try_it": "Not that one. user.json has the same container with a user namespace, in which root is user 100000 "
        "of the machine. Try the attacks there, one by one.",
    },
    needs=(THROW_AWAY, programs("jq")),
    make=make,
    clear=clear,
)
