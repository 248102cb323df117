"""Lab 14. The same container three times, by Podman on three runtimes. conmon(8) tells of each: the words that it was
started with have the container's name and its runtime, and its child is the container's process."""

from __future__ import annotations

import os
from itertools import pairwise

from ...record import Record
from .. import look
from ..lab import Finding, Goal, Lab, done, not_yet, question, wrong
from ..needs import SYSTEMD, controllers, programs
from .making import clear, make

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..desk import Desk

RUNTIMES = ("runc", "crun", "minirun")
PROGRAM = ("sleep", "1414")
LIMIT = 64 << 20  # bytes
BY_HAND = "lab14-files"


class Container(Record):
    """What Podman has running."""

    name: str
    id: str
    runtime: str
    conmon: int
    pid: int

    @property
    def cgroup(self) -> str:
        """Below the root of the hierarchy."""
        return (look.read(f"/proc/{self.pid}/cgroup") or "").rpartition("::")[2]

    @property
    def scope(self) -> str:
        """The unit of systemd's that has it; "" where none has."""
        return next((name for name in self.cgroup.split("/") if name.endswith(".scope")), "")


def running() -> dict[str, Container]:
    """The lab's containers that have a conmon, by their names."""
    found = {}
    parents = {pid: int(look.status(pid).get("PPid", "0")) for pid in look.running(*PROGRAM)}
    for pid, parent in parents.items():
        words = look.command(parent)
        if words and os.path.basename(words[0]) == "conmon" and look.is_apart(pid, "pid"):
            name = after(words, "-n")
            found[name] = Container(name, after(words, "-c"), os.path.basename(after(words, "-r")), parent, pid)
    return {name: one for name, one in found.items() if name.startswith("lab14")}


def after(words: list[str], option: str) -> str:
    """An option's value."""
    return dict(pairwise(words)).get(option, "")


def three() -> dict[str, Container]:
    """Of those, the three that the lab is about, by their runtimes' names."""
    every = running()
    return {name: every[f"lab14-{name}"] for name in RUNTIMES if f"lab14-{name}" in every}


# ---- the looks


def runs(_desk: Desk) -> Finding:
    here = three()
    for name, one in here.items():
        if one.runtime != name:
            return wrong("default_runtime", f"{one.name} was started by {one.runtime}", f"by {name}")
    missing = [f"lab14-{name}" for name in RUNTIMES if name not in here]
    alone = set(look.running(*PROGRAM)) & set(look.apart("pid")) - {one.pid for one in running().values()}
    if missing and alone:
        return wrong("no_engine", f"process {min(alone)} in a container, without a conmon", "conmon above it")
    if missing:
        return not_yet(f"containers of Podman's: {', '.join(missing)}", f"{len(here)} of three")
    return done(", ".join(f"{one.name} by {one.runtime}" for one in here.values()))


def limited(_desk: Desk) -> Finding:
    values = {one.name: memory_limit(one) for one in three().values()}
    expected = f"memory.max {LIMIT} for each of the three"
    for name, value in values.items():
        if value != LIMIT:
            return wrong("no_limit", f"{name}: {'no limit' if value is None else value}", expected)
    return done(str(LIMIT)) if len(values) == len(RUNTIMES) else not_yet(expected)


def memory_limit(container: Container) -> int | None:
    """The least of its cgroup's and of those above; None where none has one."""
    path, values = container.cgroup, []
    while len(path) > 1:
        value = look.read(f"{look.cgroup(path)}/memory.max") or ""
        values += [int(value)] if value.isdigit() else []
        path = os.path.dirname(path)
    return min(values, default=None)


def scope(desk: Desk) -> Finding:
    answer, container = desk.answers.get("scope"), three().get("crun")
    if answer is None or container is None:
        return not_yet("minirun lab answer 14 scope NAME")
    if answer.strip("/") == container.scope:
        return done(answer)
    hint = "" if answer.endswith(".scope") else "no_scope"
    return wrong(hint, answer, "the name of the unit that lab14-crun is in")


def parent(desk: Desk) -> Finding:
    answer, container = desk.answers.get("parent"), three().get("minirun")
    if answer is None or container is None:
        return not_yet("minirun lab answer 14 parent PID")
    if answer == str(container.conmon):
        return done(answer)
    hint = "pid_of_container" if answer == str(container.pid) else ""
    return wrong(hint, answer, "the parent of lab14-minirun's sleep 1414")


def books(desk: Desk) -> Finding:
    answer, container = desk.answers.get("books"), three().get("runc")
    if answer is None or container is None:
        return not_yet("minirun lab answer 14 books DIRECTORY")
    directory = answer.rstrip("/").removesuffix("/state.json")
    if os.path.basename(directory) == container.id and os.path.isfile(f"{directory}/state.json"):
        return done(directory)
    hint = "books_of_podman" if directory.startswith(desk.directory) else ""
    return wrong(hint, answer, "the directory in which runc itself keeps what it knows of lab14-runc")


def by_hand(_desk: Desk) -> Finding:
    container = running().get(BY_HAND)
    if container is None:
        return not_yet(f"a container {BY_HAND} that is in no unit of systemd's", "no such container")
    if container.scope:
        return wrong("by_systemd", container.cgroup, "a cgroup that systemd has not made")
    return done(container.cgroup)


def table(desk: Desk) -> Finding:
    rows = dict(row[:2] for line in (desk.read("times.txt") or "").splitlines() if len(row := line.split()) == 2)
    missing = [name for name in RUNTIMES if not is_time(rows.get(name, ""))]
    if missing:
        return not_yet("in times.txt a line for each runtime: its name, seconds", f"none for {', '.join(missing)}")
    return done(", ".join(f"{name} {rows[name]}" for name in RUNTIMES))


def is_time(word: str) -> bool:
    try:
        return float(word) > 0
    except ValueError:
        return False


LAB = Lab(
    "Who asks whom: engines and runtimes",
    40,
    goals=(
        Goal(
            "runs",
            "Podman runs sleep 1414 three times: lab14-runc, lab14-crun and lab14-minirun, each by its runtime.",
            runs,
            points=3,
            tips=(
                "the image first: tar -C rootfs -c . | ./podman import - localhost/lab14",
                "./podman run --detach --name lab14-runc --runtime runc --memory 64m localhost/lab14 sleep 1414",
            ),
        ),
        Goal(
            "limit",
            "Each of the three may have 64 MiB of memory.",
            limited,
            points=2,
            tips=("--memory 64m", "a limit can be put on later: ./podman update --memory 64m NAME"),
        ),
        Goal(
            "parent",
            "You have found the parent of the process that minirun has started.",
            parent,
            points=2,
            tips=("./podman inspect --format '{{.State.Pid}}' lab14-minirun", "ps -o ppid= -p PID"),
            question=True,
        ),
        Goal(
            "scope",
            "You have named the unit of systemd's that lab14-crun is in.",
            scope,
            points=2,
            tips=("cat /proc/PID/cgroup", "systemctl list-units 'libpod*'"),
            question=True,
        ),
        Goal(
            "books",
            "You have found where runc keeps its own books of lab14-runc.",
            books,
            points=2,
            tips=("those of minirun are in /run/minirun", "runc --help, the option --root"),
            question=True,
        ),
        Goal(
            "files",
            "Podman runs sleep 1414 once more, as lab14-files, in a cgroup that systemd has not made.",
            by_hand,
            points=2,
            tips=("podman(1), --cgroup-manager", "the other value is cgroupfs"),
        ),
        question(
            "stop",
            "Which commands does a runtime get when Podman stops a container that runs sleep 1414?",
            ("kill kill delete",),
            wrongs={"as_it_was_typed": ("stop", "stop delete")},
            points=2,
            tips=("run one in the background by ./asked, stop it, and read asked.log", "only the commands, in order"),
        ),
        Goal(
            "times",
            "The file times.txt has how long podman run takes on each runtime.",
            table,
            tips=("the page has a loop that writes it",),
        ),
    ),
    hints={
        "default_runtime": "Its name says one runtime, and conmon has been told another one. Without --runtime, Podman "
        "takes the one of containers.conf. Remove the container (./podman rm --force), and say --runtime.",
        "no_engine": "That container has no conmon for its parent. Either you have started it by a runtime, with no "
        "engine above it; or its conmon has been ended, and Podman has lost sight of it. Remove it, and let "
        "./podman run make it.",
        "no_limit": "Its cgroup has no limit of 64 MiB. Say --memory 64m when it is made, or ./podman update later.",
        "pid_of_container": "That is the container's own process. Its parent is the one that waits for it: "
        "ps -o ppid= -p PID.",
        "no_scope": "A unit for one container is a scope (systemd.scope(5)): look in /proc/PID/cgroup for the part "
        "that ends in .scope. Above it is a slice, for many; and crun makes a directory more below it.",
        "books_of_podman": "Those are Podman's. runc knows nothing of Podman, and keeps books of its own, as minirun "
        "does: beside those in /run.",
        "by_systemd": "It is in a scope, so systemd has made its cgroup. Podman decides which way: podman(1) has an "
        "option for it, beside `run`.",
        "as_it_was_typed": "There is no such command of a runtime: see runc --help, or the specification, "
        "runtime.md#operations. Podman has to say it in others: let ./asked write down which.",
    },
    needs=(programs("podman", "conmon", "runc", "crun"), controllers("memory", "pids"), SYSTEMD),
    make=make,
    clear=clear,
)
