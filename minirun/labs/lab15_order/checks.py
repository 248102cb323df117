"""Lab 15. The lines that make a container, shuffled: whether the container that they have made is whole, whether the
file has them in an order that can do that, and what the kernel answers to some that can't.

run-steps, which the student is given, does the lines of a file. The program is `sleep 4715`.
"""

from __future__ import annotations

import os
from random import Random

from .. import bundles, look, sweep
from ..lab import Finding, Goal, Lab, done, not_yet, question, wrong

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ...teach.inspection import Facts
    from ..desk import Desk

PROGRAM = ("sleep", "4715")
NAME = "lab15"
LINES = {
    "private": "mount --make-rprivate /",
    "bind": "mount --bind $R $R",
    "proc": "mount -t proc proc $R/proc",
    "data": "mount --bind $DATA $R/data",
    "old": "mkdir $R/old",
    "pivot": "pivot_root $R $R/old",
    "detach": "umount -l /old",
    "remove": "rmdir /old",
    "readonly": "mount -o remount,bind,ro none /",
    "name": f"hostname {NAME}",
    "program": f"exec {' '.join(PROGRAM)}",
}
# What has to come before what. Orders that keep all this are right; there are many.
BEFORE = (
    ("private", "pivot"),
    ("bind", "pivot"),
    ("bind", "proc"),
    ("bind", "data"),
    ("proc", "pivot"),
    ("data", "pivot"),
    ("old", "pivot"),
    ("pivot", "detach"),
    ("detach", "remove"),
    ("remove", "readonly"),
    ("readonly", "program"),
    ("name", "program"),
)
MESSAGES = ("invalid argument", "device or resource busy", "no such file or directory", "read-only file system")
HERE = os.path.dirname(os.path.abspath(__file__))


def make(desk: Desk) -> None:
    bundles.rootfs(desk.file("rootfs"))
    os.makedirs(desk.file("rootfs/data"), exist_ok=True)
    desk.write("data/token", "the data\n")
    desk.give(f"{HERE}/run-steps", "run-steps", mode=0o755)
    desk.write("steps", shuffled(desk))


def shuffled(desk: Desk) -> str:
    """Another order for everybody, and never a right one."""
    chance, lines = Random(desk.secret()), list(LINES.values())
    while not out_of_place(lines):
        chance.shuffle(lines)
    return "".join(f"{line}\n" for line in lines)


def out_of_place(lines: list[str]) -> list[str]:
    """What is wrong with an order, each as a sentence."""
    place = {name: lines.index(line) for name, line in LINES.items()}
    return [f"{LINES[one]} comes after {LINES[other]}" for one, other in BEFORE if place[one] > place[other]]


# ---- looks


def whole(desk: Desk) -> Finding:
    found = [one for one in look.processes(*PROGRAM) if look.is_apart(one.pid, "pid")]
    if not found:
        said = (desk.read("said") or "").splitlines()
        return not_yet("sleep 4715, in the container that the steps make", said[-1] if said else "")
    container = found[-1]
    points = {mount.point: mount for mount in container.mounts}
    if "/" not in points or not points["/"].root.endswith("/rootfs"):  # after chroot(2) alone there may be none
        return wrong("not_pivoted", f"process {container.pid}, whose root is the machine's", "the root rootfs")
    if any(f"{point}/".startswith("/old/") for point in points):
        return wrong("old_still_there", f"{len(points)} mounts, most of them below /old", "the three that are its own")
    hidden = [point for point in ("/proc", "/data") if point not in points]
    if hidden:
        return wrong("hidden_below", f"nothing is mounted on {', '.join(hidden)}", "what the steps have mounted there")
    if "ro" not in points["/"].options:
        return wrong("root_writable", "a root that can be written to", "a read-only root")
    if name_in(container) != NAME:
        return not_yet(f"the host name {NAME}", name_in(container))
    return done(f"process {container.pid}, with its three mounts and its name")


def name_in(container: Facts) -> str:
    """Without root, nobody enters a UTS namespace who is not root in its user namespace (setns(2))."""
    kinds = ("user", "uts") if look.is_apart(container.pid, "user") else ("uts",)
    return look.inside(container.pid, kinds, lambda: os.uname().nodename) or ""


def order(desk: Desk) -> Finding:
    lines = [line.strip() for line in (desk.read("steps") or "").splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if sorted(lines) != sorted(LINES.values()):
        lacking = [line for line in LINES.values() if line not in lines]
        found = f"without {', '.join(lacking)}" if lacking else "other lines than those that were given"
        return wrong("other_lines", found, "the eleven lines, each once and unchanged")
    misplaced = out_of_place(lines)
    if misplaced:
        return wrong("another_file", misplaced[0], "in steps the order that has made this container")
    return done("eleven lines, in an order that works")


def answer_to_no_bind(desk: Desk) -> tuple[str, ...]:
    """EBUSY, since old and new root would be on one mount (pivot_root(2)). EINVAL comes before that: where the labs are
    on a mount of their own, of which rootfs is not the root; and without root, when the mount that rootfs is on is
    locked, as all are that a new user's mount namespace has from its parent (mount_namespaces(7))."""
    points = {mount.point for mount in look.host().mounts} - {"/"}
    on_another = any(sweep.is_below(desk.directory, point) for point in points)
    return ("einval",) if on_another or os.geteuid() != 0 else ("ebusy",)


def errno_question(name: str, text: str, right: Callable[[Desk], tuple[str, ...]] | str, tip: str) -> Goal:
    accepted = (right,) if isinstance(right, str) else right
    return question(name, text, accepted, wrongs={"a_message": MESSAGES}, tips=(tip,))


LAB = Lab(
    "In what order?",
    40,
    goals=(
        Goal(
            "whole",
            "A container made of the steps runs, and is whole.",
            whole,
            points=5,
            tips=(
                "./run-steps steps stops at the first line that fails, and shows what it said",
                "what needs paths of the machine comes before pivot_root, what needs those of the container after it",
                "a mount hides what was mounted below its mount point before",
            ),
        ),
        Goal(
            "order",
            "The file steps has all the lines, in an order that makes it.",
            order,
            points=3,
            tips=("move lines only; each is needed",),
            after=("whole",),
        ),
        errno_question(
            "private",
            "Which errno does pivot_root give when mount --make-rprivate / comes after it?",
            "einval",
            "pivot_root(2), ERRORS; copy steps, move that one line, and run the copy",
        ),
        errno_question(
            "bind",
            "Which errno does pivot_root give when mount --bind $R $R comes after it?",
            answer_to_no_bind,
            "keep the other lines in the right order: the kernel tells one reason only",
        ),
        errno_question(
            "data",
            "Which errno does mount --bind $DATA $R/data give after pivot_root?",
            "enoent",
            "what is $DATA then? The path is looked up in the new root",
        ),
        errno_question(
            "detach",
            "Which errno does rmdir /old give before umount -l /old?",
            "ebusy",
            "rmdir(2), ERRORS",
        ),
        errno_question(
            "readonly",
            "Which errno does rmdir /old give after the root was made read-only?",
            "erofs",
            "errno(3) has all names, with what they mean",
        ),
    ),
    hints={
        "not_pivoted": "exec replaces the shell that does the lines, so nothing after it is ever done. Here it came "
        "before pivot_root: the program has the machine's root.",
        "old_still_there": "The root has changed, but the machine's whole tree is still mounted, at /old: whoever is "
        "inside only has to look there. What takes it away, and when is it possible?",
        "hidden_below": "No line has failed, and yet it is not there. Either its line comes after exec, and was never "
        "done; or it was mounted below a directory on which something else was mounted later, which lies over it.",
        "root_writable": "remount changes the mount that is at / at that moment. Whose root was that when the line was "
        "done, or was it done at all?",
        "other_lines": "The container is whole, but the file has not the eleven lines that it had: each is there for a "
        "reason. Only their order is to change.",
        "another_file": "A whole container runs, so there is a right order somewhere; but the file steps has another. "
        "Put it there, and run that file.",
        "a_message": "That is the message for people. The errno is the name in capitals that stands for it in "
        "errno(3), such as EPERM for: operation not permitted.",
    },
    make=make,
    clear=lambda _desk: sweep.end_running(*PROGRAM),
    rootless=True,
)
