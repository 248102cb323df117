"""Lab 13. The life of a container, from the lines that its hooks have written and from the process that they name. The
program is `sleep 4713`."""

from __future__ import annotations

import json
import os

from ...record import Record
from .. import bundles, look, sweep
from ..lab import Finding, Goal, Lab, done, not_yet, question, wrong

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..desk import Desk

PROGRAM = ("sleep", "4713")
KINDS = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")
INSIDE = ("createContainer", "startContainer")
HERE = os.path.dirname(os.path.abspath(__file__))


class Line(Record):
    """What one hook has written."""

    kind: str
    pid: str
    mount: str  # namespaces, as mnt:[4026531840]
    pids: str


def make(desk: Desk) -> None:
    desk.give(f"{HERE}/note", "diary/note", mode=0o755)
    config = bundles.busybox(desk.file("bundle"), args=list(PROGRAM), terminal=False)
    diary = {"destination": "/diary", "type": "bind", "source": desk.file("diary"), "options": ["bind", "rw"]}
    config["mounts"].append(diary)
    bundles.write(desk.file("bundle"), config)


# ---- the diary


def life(desk: Desk) -> list[Line]:
    """The lines of the latest life: a hook that comes no later than the one before begins another."""
    lines: list[Line] = []
    for row in map(str.split, (desk.read("diary/life") or "").splitlines()):
        if len(row) == 4 and row[0] in KINDS:
            if lines and place(row[0]) <= place(lines[-1].kind):
                lines = []
            lines.append(Line(*row))
    return lines


def place(kind: str) -> int:
    return KINDS.index(kind)


def has_come_to(desk: Desk, kind: str) -> bool:
    return any(place(line.kind) >= place(kind) for line in life(desk))


def process(desk: Desk) -> int:
    """The container's process, by the pid that the runtime has told its hooks outside; 0 where it is not there."""
    told = [line.pid for line in life(desk) if line.kind not in INSIDE and line.pid.isdecimal()]
    pid = int(told[0]) if told else 0
    state = look.status(pid)
    is_first = state.get("NSpid", "").split()[1:][-1:] == ["1"]  # of its own PID namespace (proc_pid_status(5))
    return pid if is_first and not state["State"].startswith(("Z", "X")) else 0


def is_program(pid: int) -> bool:
    return look.is_command(look.command(pid), PROGRAM)


# ---- looks at the states


def created(desk: Desk) -> Finding:
    pid = process(desk)
    if pid and not is_program(pid) and not has_come_to(desk, "startContainer"):
        return done(f"process {pid} waits, and is not yet the program: {look.command(pid)[:1]}")
    if pid and is_program(pid):
        return wrong("run_at_once", f"process {pid} is sleep 4713 already", "a check before the program runs")
    return not_yet("a container that waits for its start, and has called its hooks")


def running(desk: Desk) -> Finding:
    pid = process(desk)
    if pid and is_program(pid):
        return done(f"process {pid}, which was there before, is sleep 4713 now")
    return not_yet("the same process, running sleep 4713")


def stopped(desk: Desk) -> Finding:
    ended = life(desk) and not process(desk)
    if ended and not has_come_to(desk, "poststop"):
        return done("the process has ended, and no poststop hook has been called")
    if ended:
        return wrong("deleted_too_soon", "the container is deleted", "a check before that, when the program has ended")
    return not_yet("a program that has ended, and a container that is still there")


def diary(desk: Desk) -> Finding:
    lines = life(desk)
    elsewhere = [line.kind for line in lines if is_elsewhere(line)]
    if elsewhere:
        found = f"{elsewhere[0]} was noted in the wrong namespaces"
        return wrong("hook_elsewhere", found, "each hook at its place")
    was_called = any(line.kind == "startContainer" for line in lines)
    if lines and not was_called and not process(desk) and start_path_is_outside(desk):
        return wrong("path_of_the_host", "a startContainer hook with a path of the machine's", "one of the container's")
    kinds = tuple(line.kind for line in lines)
    if kinds == KINDS:
        return done("six hooks, in the order of the specification")
    lacking = [kind for kind in KINDS if kind not in kinds]
    if has_come_to(desk, "poststop"):
        return wrong("hook_missing", " ".join(kinds), f"also {', '.join(lacking)}")
    return not_yet("a line of each of the six hooks, for one life, in diary/life", " ".join(kinds))


def is_elsewhere(line: Line) -> bool:
    """By the PID namespace: of mount namespaces the machine may have several, for its services."""
    is_inside = line.pids != f"pid:[{look.host_namespaces()['pid']}]"
    return is_inside != (line.kind in INSIDE)


def start_path_is_outside(desk: Desk) -> bool:
    """Whether the path leads to the script on the machine, where the hook is to be found in the container."""
    try:
        hooks = json.loads(desk.read("bundle/config.json") or "{}")["hooks"]["startContainer"]
        paths = [hook["path"] for hook in hooks]
    except (ValueError, KeyError, TypeError):
        return False
    return any(path.startswith(desk.directory) for path in paths if isinstance(path, str))


LAB = Lab(
    "A life in five commands",
    35,
    goals=(
        Goal(
            "created",
            "A check has seen the container created: its process is there, and waits.",
            created,
            points=2,
            tips=(
                "the check finds the process by what the createRuntime hook has noted: is diary/life there?",
                "minirun create --bundle bundle lab13; minirun lab check 13",
            ),
            once=True,
        ),
        Goal(
            "running",
            "A check has seen the same process run the program.",
            running,
            points=2,
            tips=("minirun start lab13; minirun lab check 13",),
            once=True,
            after=("created",),
        ),
        Goal(
            "stopped",
            "A check has seen the container stopped: the program has ended, and nobody has deleted the container.",
            stopped,
            points=2,
            tips=(
                "which signal ends a process 1 that has no handler for any? signal(7), pid_namespaces(7)",
                "minirun kill lab13 KILL; minirun lab check 13",
            ),
            once=True,
            after=("running",),
        ),
        Goal(
            "diary",
            "One life has called all six hooks, each in its namespaces and in its order.",
            diary,
            points=4,
            tips=(
                "diary/life has a line of each hook that was called; delete calls the last one",
                "startContainer is the only hook whose path is looked up in the container's root",
            ),
            once=True,
        ),
        question(
            "moves",
            "In which one status does start work, and in which one does delete without --force refuse?",
            ("created running", "created, running", "created and running"),
            wrongs={"moves_mistaken": ("created stopped", "stopped running", "running running", "created created")},
            points=2,
            tips=("try start and delete on a container that is created, one that is running, and one that is stopped",),
        ),
        question(
            "inside",
            "Which of the six hooks run in the container's mount namespace?",
            ("createcontainer startcontainer", "startcontainer createcontainer"),
            wrongs={
                "by_their_name": ("startcontainer", "createcontainer", "createcontainer startcontainer poststart"),
            },
            tips=("two of the lines in diary/life have another mnt:[…] than readlink /proc/self/ns/mnt says",),
        ),
        question(
            "survives",
            "Which of the six may fail without the life ending before its time?",
            ("poststop",),
            tips=("put /bin/false as one more hook at one place after the other, and run it: which run goes on?",),
        ),
    ),
    hints={
        "run_at_once": "Nobody has seen it wait. run is create and start in one; delete it (--force), and go by the "
        "single commands, with a check after each.",
        "deleted_too_soon": "The poststop hook has been called, so delete has been there before a check. Begin another "
        "life: create, start, kill, and then the check, before you delete.",
        "hook_elsewhere": "Each hook writes down the word in its args, wherever it stands. In config.json the word and "
        "the member of hooks under which the hook is have to be the same.",
        "path_of_the_host": "When startContainer is called, the process has changed its root: the path of the hook is "
        "looked up in there. The machine's directory diary is mounted in the container: where? See mounts.",
        "hook_missing": "This life is over, and not all six were called. See which member of hooks is missing in "
        "config.json, or is misspelt; minirun validate finds the latter. Then another life.",
        "moves_mistaken": "One of the two is another. start makes running out of one status, once; delete spares only "
        "those whose program still runs. Try each, and read what the errors say.",
        "by_their_name": "Not the names count, but the numbers: compare each mnt:[…] in diary/life with that of your "
        "shell, readlink /proc/self/ns/mnt. There are two.",
    },
    make=make,
    clear=lambda _desk: sweep.end_running(*PROGRAM),
    rootless=True,
)
