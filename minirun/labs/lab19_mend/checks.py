"""Lab 19. Three faults in a copy of minirun, to be found by checks that fail; then a test of the student's own, which
is to find faults that nobody has seen."""

from __future__ import annotations

import json

from ..lab import Finding, Goal, Lab, done, not_yet, question, wrong
from . import copies, mutants, suite, trial
from .making import chosen, make

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..desk import Desk

    Json = dict[str, Any]


# ---- the looks at the copy


def found(desk: Desk) -> dict[str, str]:
    """What suite.py finds with the student's copy, anew only when that has changed."""
    mark = copies.fingerprint([*copies.files(desk.file("minirun")), desk.file("bundles/look/config.json")])
    known: Json = json.loads(desk.kept.get("suite", "{}"))
    if known.get("mark") != mark:
        known = {"mark": mark, "found": suite.try_all([desk.file("bin/minirun")], desk.directory)}
        desk.kept["suite"] = json.dumps(known)
    answer: dict[str, str] = known["found"]
    return answer


def red(desk: Desk) -> dict[str, str]:
    """The checks that fail: their names, and what was to be found."""
    here = found(desk)
    return {name: expected for name, _clause, expected in suite.CHECKS if here.get(name) != expected}


def mended(number: int) -> Callable[[Desk], Finding]:
    def look(desk: Desk) -> Finding:
        if "" in found(desk):
            return wrong("does_not_run", found(desk)[""][-300:], "a minirun that runs bundles/look")
        name, failing = chosen(desk)[number].name, red(desk)
        if name not in failing:
            return done(f"{name} is green")
        return not_yet(f"{name}: {failing[name]}", found(desk).get(name, "nothing"))

    return look


def whole(desk: Desk) -> Finding:
    failing = set(red(desk))
    broken = failing - {fault.name for fault in chosen(desk)}
    if "" in found(desk):
        return not_yet("ten green checks", "no container")
    if broken:
        return wrong("broke_another", f"red: {', '.join(sorted(broken))}", "what was green, green")
    return done("ten green checks") if not failing else not_yet("ten green checks", f"{10 - len(failing)} of ten")


# ---- the looks at the test


def tells_apart(desk: Desk) -> Finding:
    if not trial.path_of_test(desk):
        return not_yet("a program mytest.sh, or mytest.py", "none")
    verdict = trial.verdict(desk)
    if verdict.good == trial.NOT_STARTED:
        return wrong("not_executable", "a file that can't be executed", "a program")
    if verdict.good == trial.TOO_LONG:
        return wrong("takes_too_long", f"no end within {trial.TIME_LIMIT:.0f} seconds", "an end, without a doubt")
    if verdict.good != 0:
        return wrong("fails_good", f"exit status {verdict.good} with minirun as it is", "0")
    if verdict.nothing == 0:
        return wrong("never_asks", "exit status 0 with a $RUNTIME that does nothing", "another than 0")
    return done("it knows a minirun from nothing")


def kills(number: int) -> Callable[[Desk], Finding]:
    every = len(mutants.HIDDEN)

    def look(desk: Desk) -> Finding:
        killed = every - len(trial.verdict(desk).survivors)
        if killed >= number:
            return done(f"{killed} of {every}")
        if killed == 0:
            return wrong("kills_none", "all of them pass the test", f"{number} that it fails")
        return not_yet(f"{number} that the test fails", f"{killed} of {every}")

    return look


def goal_of_fault(number: int, word: str) -> Goal:
    return Goal(
        word,
        f"The {word} of the three faults is mended.",
        mended(number),
        points=3,
        tips=(
            "./suite.py has a line for each check, and beside a red one the clause of the specification",
            "the steps name the clause that they are for: grep -rn CLAUSE minirun/steps minirun/plan",
            "read `apply` of the step: that is what is done. What is planned is in minirun/plan",
            "strace -f bin/minirun run --bundle bundles/look lab19-look shows which call comes with what",
        ),
    )


LAB = Lab(
    "Capstone: mend minirun",
    60,
    goals=(
        goal_of_fault(0, "first"),
        goal_of_fault(1, "second"),
        goal_of_fault(2, "third"),
        Goal(
            "whole",
            "All ten checks are green.",
            whole,
            tips=("./suite.py says which are red",),
        ),
        Goal(
            "test",
            "mytest.sh ends with 0 for a minirun that is as it should be, and not for a program that does nothing.",
            tells_apart,
            points=2,
            tips=("RUNTIME=$PWD/bin/good ./mytest.sh; echo $?", 'the program to test is in the variable: "$RUNTIME"'),
        ),
        Goal(
            "kills",
            "It fails with at least one of the hidden mutants.",
            kills(1),
            tips=("the page has a test of cwd; make one of it",),
            after=("test",),
        ),
        Goal(
            "kills_half",
            "It fails with at least half of them.",
            kills(4),
            points=2,
            tips=("go through bundles/own/config.json: process.env, process.user, process.rlimits, …",),
            after=("kills",),
        ),
        Goal(
            "kills_all",
            "It fails with each of the eight.",
            kills(8),
            points=3,
            tips=(
                "mkdir plain; minirun spec --bundle plain; diff plain/config.json bundles/own/config.json",
                "compare exactly: the whole value, the soft and the hard limit, every group, the part after a second =",
                "there is /proc/self/mountinfo, /proc/self/limits, /proc/self/oom_score_adj, and /proc/sys",
            ),
            after=("kills_half",),
        ),
        question(
            "equivalent",
            "Which of the three changes on the page can no test find?",
            ("b",),
            wrongs={"not_equivalent": ("a", "c")},
            tips=("two of the three change what is possible at that moment",),
        ),
    ),
    hints={
        "does_not_run": "Your copy does not start a container at all: perhaps an edit has left half a line. Run "
        "bin/minirun run --bundle bundles/look lab19-look, and read what it says.",
        "broke_another": "That check was green when you began: an edit of yours has broken it. ./suite.py shows what "
        "it expects; undo your last change.",
        "not_executable": "The kernel can't execute the file: it wants the x bit (chmod +x), and a first line "
        "such as #!/bin/bash (execve(2)).",
        "takes_too_long": "Your test does not end. A container that waits for input, or sleeps? Give it its "
        "commands on standard input, and an end.",
        "fails_good": "Your test fails with a minirun that has no fault. See what it stumbles over: "
        "RUNTIME=$PWD/bin/good bash -x ./mytest.sh",
        "never_asks": "Your test is content with a program that does nothing at all. It has to start the container by "
        '"$RUNTIME", and to look at what comes out.',
        "kills_none": "Your test runs a container, and accepts whatever it is like. Compare what the container has "
        "with what bundles/own/config.json says: its directory, for a start.",
        "not_equivalent": "That change can be found: think of a container of another user than root, or of one whose "
        "root directory lacks the places for its mounts.",
    },
    make=make,
)
