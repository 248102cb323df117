"""Lab 00. The container is a process of the machine's, by whatever program it was started: `sleep 4711`, in namespaces
that are not the machine's."""

from __future__ import annotations

from ...teach.inspection import NAMESPACES
from .. import bundles, look, sweep
from ..lab import Finding, Goal, Lab, done, not_yet, question, wrong

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..desk import Desk

PROGRAM = ("sleep", "4711")


def make(desk: Desk) -> None:
    config = bundles.busybox(desk.file("bundle"), args=list(PROGRAM), terminal=False)
    bundles.write(desk.file("bundle"), config)


def runs(_desk: Desk) -> Finding:
    container = look.contained(*PROGRAM)
    if container:
        return done(f"process {container.pid}: {container.command}")
    bare = look.processes(*PROGRAM)
    if bare:
        return wrong("no_container", f"process {bare[0].pid} in the machine's own namespaces", "a container")
    return not_yet("the process sleep 4711 in a container", "no such process")


def pid(desk: Desk) -> Finding:
    answer, container = desk.answers.get("pid"), look.contained(*PROGRAM)
    if answer is None or container is None:
        return not_yet("minirun lab answer 00 pid PID")
    if answer == str(container.pid):
        return done(answer)
    if int(answer) in container.inner_pids if answer.isdecimal() else False:
        return wrong("pid_inside", answer, "the number that the machine has for it")
    return wrong("pid_of_another", told(answer), "the process that runs sleep 4711 in the container")


def told(answer: str) -> str:
    words = look.command(int(answer)) if answer.isdecimal() else []
    return f"{answer}, which is {' '.join(words)}" if words else answer


def namespaces(desk: Desk) -> Finding:
    answer, container = desk.answers.get("namespaces"), look.contained(*PROGRAM)
    if answer is None or container is None:
        return not_yet("minirun lab answer 00 namespaces, and eight numbers")
    given = {int(word) for word in answer.replace("[", " ").replace("]", " ").split() if word.isdecimal()}
    right = set(container.namespaces.values())
    if given == right:
        return done(f"{len(right)} namespaces")
    if given == set(look.host_namespaces().values()):
        return wrong(
            "namespaces_of_a_shell", "the namespaces of the machine itself", "those of the container's process"
        )
    missing = sorted(name for name, inode in container.namespaces.items() if inode not in given)
    hint = "not_all_namespaces" if given < right else ""
    return wrong(hint, f"{len(given & right)} of its namespaces", f"also its {', '.join(missing)}")


def shared(_desk: Desk) -> tuple[str, ...]:
    """In any order of two or three names: whoever lists them reads them somewhere, in the order of that place."""
    container = look.contained(*PROGRAM)
    if container is None:
        return ()
    from itertools import permutations

    host = look.host_namespaces()
    names = [name for name in NAMESPACES if container.namespaces.get(name) == host.get(name)]
    return tuple(" ".join(order) for order in permutations(names))


LAB = Lab(
    "A container is a process",
    25,
    goals=(
        Goal(
            "runs",
            "The container lab00 runs sleep 4711.",
            runs,
            points=3,
            tips=("minirun run --detach --bundle bundle lab00", "minirun list shows whether it runs"),
        ),
        Goal(
            "pid",
            "You have found its process among those of the machine.",
            pid,
            points=3,
            tips=("ps -e -o pid,args lists the machine's processes; one of them is sleep 4711",),
            after=("runs",),
            question=True,
        ),
        Goal(
            "namespaces",
            "You have named its eight namespaces, by their numbers.",
            namespaces,
            points=3,
            tips=("ls -l /proc/PID/ns, with the number that you have found", "lsns -p PID shows the same numbers"),
            after=("runs",),
            question=True,
        ),
        question(
            "shared",
            "Which of the eight are the machine's own? Their names as in /proc/PID/ns.",
            shared,
            wrongs={"all_are_its_own": ("none", "no", "0")},
            tips=("compare with ls -l /proc/1/ns", "minirun inspect lab00 says it, too"),
            after=("runs",),
        ),
    ),
    hints={
        "no_container": "sleep 4711 runs, but as a process like any other: nothing made namespaces for it. End it, "
        "and let a runtime start it, from bundle/config.json.",
        "pid_inside": "That is the number that the process has inside, in its own PID namespace. The machine has "
        "another number for the same process: ps on the machine shows that one.",
        "pid_of_another": "That is another process. Of the processes that ps -e -o pid,args lists, one has the words "
        "of config.json: sleep 4711.",
        "namespaces_of_a_shell": "Those are the namespaces of your shell, and of the machine. /proc/self is whoever "
        "reads it; you want /proc/PID/ns with the container's PID.",
        "not_all_namespaces": "Those are right, but not all eight. lsns shows some kinds only with its option -p; "
        "/proc/PID/ns has all.",
        "all_are_its_own": "Compare number by number with /proc/1/ns: a namespace of its own costs a line in "
        "/linux/namespaces of config.json, and some kinds have none there.",
    },
    make=make,
    clear=lambda _desk: sweep.end_running(*PROGRAM),
    runtimes=True,
    rootless=True,
)
