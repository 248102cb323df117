"""Lab 17. Five bundles share one root directory, and each has a fault of its own. `sleep`, with another number
for each, is to run, and to have what its author meant it to have."""

from __future__ import annotations

import json
import os

from ...spec.default import MASKED_PATHS, default
from .. import bundles, look, sweep
from ..lab import Finding, Goal, Lab, done, not_yet, question, wrong

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ...teach.inspection import Facts
    from ..desk import Desk

    Json = dict[str, Any]

NUMBERS = {"a": "47171", "b": "47173", "c": "47175", "d": "47177", "e": "47179"}
BIND_SERVICE = 10  # CAP_NET_BIND_SERVICE, linux/capability.h
FILES = "512"  # how many b may open
OF_ALL = ("/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys")  # mounts that every bundle asks for
HERE = os.path.dirname(os.path.abspath(__file__))


# ---- what `start` makes


def make(desk: Desk) -> None:
    root = desk.file("rootfs")
    bundles.rootfs(root)
    for name in ("srv", "data"):
        os.makedirs(f"{root}/{name}", exist_ok=True)
    desk.give(f"{HERE}/serve", "rootfs/bin/serve", mode=0o755)
    desk.write("data/token", f"{desk.secret()}\n")
    for letter in NUMBERS:
        desk.write(f"{letter}/config.json", broken(letter, desk))


def broken(letter: str, desk: Desk) -> str:
    config = default(os.geteuid() != 0, os.geteuid(), os.getegid())
    config["root"]["path"] = "../rootfs"
    config["hostname"] = f"{desk.prefix}{letter}"
    config["process"] |= {"args": ["sleep", NUMBERS[letter]], "terminal": False}
    if letter in FAULTS:
        FAULTS[letter](config, desk)
    text = json.dumps(config, indent="\t") + "\n"
    return text if letter != "a" else text.replace('"strictatime",', '"strictatime",,')


def wrong_directory(config: Json, _desk: Desk) -> None:
    config["process"]["cwd"] = "srv"


def wrong_names(config: Json, _desk: Desk) -> None:
    process = config["process"]
    process["rlimits"] = [{"type": "RLIMIT_NOFILES", "hard": int(FILES), "soft": int(FILES)}]
    for names in process["capabilities"].values():
        names[-1] = "CAP_NET_BIND_SERVICES"


def wrong_source(config: Json, desk: Desk) -> None:
    data = {"destination": "/data", "type": "bind", "source": desk.file("date"), "options": ["bind", "ro"]}
    config["mounts"].append(data)


def wrong_program(config: Json, _desk: Desk) -> None:
    config["process"]["args"] = ["serve", NUMBERS["d"]]


def wrong_keys(config: Json, _desk: Desk) -> None:
    """Nothing fails: what a runtime does not know has no effect (config.md#extensibility)."""
    config["root"]["readOnly"] = config["root"].pop("readonly")
    config["process"]["noNewPrivilege"] = config["process"].pop("noNewPrivileges")
    config["linux"]["maskedPath"] = config["linux"].pop("maskedPaths")


FAULTS: dict[str, Callable[[Json, Desk], None]] = {
    "a": wrong_directory,
    "b": wrong_names,
    "c": wrong_source,
    "d": wrong_program,
    "e": wrong_keys,
}


def clear(_desk: Desk) -> None:
    for number in NUMBERS.values():
        sweep.end_running("sleep", number)


# ---- looks


def running(letter: str, meant: Callable[[Desk, Facts], Finding]) -> Callable[[Desk], Finding]:
    """A look at the process of a bundle, and whether it has what was meant."""
    words = ("sleep", NUMBERS[letter])

    def look_at(desk: Desk) -> Finding:
        inside = look.contained(*words)
        if inside:
            return meant(desk, inside)
        if look.processes(*words):
            return wrong("no_container", f"{' '.join(words)} in the machine's own namespaces", f"bundle {letter}")
        return not_yet(f"{' '.join(words)}, running in a container made of bundle {letter}")

    return look_at


def whole_a(_desk: Desk, found: Facts) -> Finding:
    points = {mount.point for mount in found.mounts}
    lacking = [point for point in OF_ALL if point not in points]
    if lacking:
        return wrong("mount_removed", f"no mount on {', '.join(lacking)}", "all mounts that the bundle came with")
    directory = os.readlink(f"/proc/{found.pid}/cwd")
    if directory != "/srv":
        return wrong("another_directory", f"it runs in {directory}", "the directory srv of the root")
    return done(f"process {found.pid}, in /srv")


def whole_b(_desk: Desk, found: Facts) -> Finding:
    limits = (look.read(f"/proc/{found.pid}/limits") or "").splitlines()
    files = next((line.split()[3] for line in limits if line.startswith("Max open files")), "")
    if files != FILES:
        return wrong("limit_removed", f"it may have {files} files open", FILES)
    if not found.capabilities["effective"] >> BIND_SERVICE & 1:
        return wrong("right_missing", "it may not bind a port below 1024", "CAP_NET_BIND_SERVICE, as was meant")
    return done(f"process {found.pid}, with its limit and its right")


def whole_c(desk: Desk, found: Facts) -> Finding:
    if look.read(f"/proc/{found.pid}/root/data/token") == desk.secret():
        return done(f"process {found.pid}, which sees /data/token")
    if any(mount.point == "/data" for mount in found.mounts):
        return wrong("another_source", "there is a mount on /data, without the token", "the directory that was meant")
    return wrong("data_removed", "nothing is mounted on /data", "the data, at /data")


def whole_d(_desk: Desk, found: Facts) -> Finding:
    environment = (look.read(f"/proc/{found.pid}/environ") or "").split("\0")
    if "SERVED_BY=serve" in environment:
        return done(f"process {found.pid}, started by serve")
    return wrong("program_bypassed", "sleep, but not started by serve", "the program of the image")


def whole_e(_desk: Desk, found: Facts) -> Finding:
    points = {mount.point: mount.options for mount in found.mounts}
    lacking = [
        *(["a read-only root"] if "ro" not in points.get("/", ()) else []),
        *(["no_new_privs"] if not found.no_new_privileges else []),
        *(["masked paths"] if not set(MASKED_PATHS) & set(points) else []),
    ]
    if lacking:
        return wrong("runs_unguarded", f"it runs without {', '.join(lacking)}", "all that config.json means it to have")
    return done(f"process {found.pid}, with all three")


def goal(letter: str, text: str, meant: Callable[[Desk, Facts], Finding], *tips: str) -> Goal:
    return Goal(letter, text, running(letter, meant), points=3, tips=tips)


LAB = Lab(
    "Five broken bundles",
    40,
    goals=(
        goal(
            "a",
            "Bundle a runs, with all its mounts, and in its directory.",
            whole_a,
            "validate says line and column; the fault may be a little before that",
            "when config.json is JSON again, validate has another error",
        ),
        goal(
            "b",
            "Bundle b runs, with the limit and the right that were meant.",
            whole_b,
            "one of its two faults is an error, the other only a warning: read all that validate says",
            "getrlimit(2) has the names of limits, capabilities(7) those of rights",
        ),
        goal(
            "c",
            "Bundle c runs, and sees its data.",
            whole_c,
            "the error says which step failed, and from which place in config.json it comes",
            "the data is in the lab's directory: ls",
        ),
        goal(
            "d",
            "Bundle d runs the program of its image.",
            whole_d,
            "the program is in rootfs/bin: execve(2) has three causes for ENOENT",
            "head -n 1 rootfs/bin/serve; ls rootfs/bin",
        ),
        goal(
            "e",
            "Bundle e runs, with its three protections.",
            whole_e,
            "it runs as it is, but minirun validate e has something to say",
        ),
        question(
            "second",
            "Bundle a has a second fault, which shows when the first is mended: at which place in config.json?",
            ("/process/cwd", "process/cwd", "process.cwd", ".process.cwd", "cwd"),
            tips=("mend the first, and ask validate again",),
        ),
        question(
            "enoent",
            "Bundle d: which file is it that does not exist? Its whole path.",
            ("/bin/bash",),
            wrongs={"the_script": ("/bin/serve", "serve", "rootfs/bin/serve")},
            tips=("the cure in the error says what is missing when the program itself is there",),
        ),
    ),
    hints={
        "no_container": "That sleep runs on the machine itself. What counts is the container of the bundle: "
        "minirun run --detach --bundle a lab17a.",
        "mount_removed": "It runs, but more was taken out of config.json than the fault. reset and start bring the "
        "bundle back as it came; one character too many is all that is wrong with its JSON.",
        "another_directory": "The error wants an absolute path. The author wanted the directory srv: which absolute "
        "path has it, seen from the container's root?",
        "limit_removed": "Without an entry in rlimits the container has your own limit. Put the entry back, and give "
        "it a name from getrlimit(2).",
        "right_missing": "minirun leaves out a capability that the kernel does not know, and only warns. Then the "
        "container lacks a right. Compare the name with capabilities(7).",
        "data_removed": "It runs, since nothing is to be mounted any more. But the container was meant to see the "
        "data: mend the source of the mount, and keep the mount.",
        "another_source": "A directory of that name makes the error go away, and is empty. Look in the lab's "
        "directory for the one that has the token.",
        "program_bypassed": "The container runs sleep, but its program was serve, which does more than that. Put args "
        "back, and see what serve itself is missing.",
        "runs_unguarded": "Nothing has failed, and that is the fault: a member whose name the specification does not "
        "have is no error, and has no effect. minirun validate e tells which.",
        "the_script": "That file is there, and may be executed: ls -l rootfs/bin/serve. The kernel also has to find "
        "whoever reads it: the first line says who.",
    },
    make=make,
    clear=clear,
    runtimes=True,
    rootless=True,
)
