"""The student's own test, tried: with minirun as it is, with a program that does nothing, with each hidden mutant.

It is the only look of a lab that starts something, so that it is done anew only when the student's files have changed.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
from fcntl import LOCK_EX, flock

from ...record import Record
from .. import sweep
from . import copies, mutants

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..desk import Desk

NAMES = ("mytest", "mytest.sh", "mytest.py")
PLACE = ".trial"  # below the lab's directory
OTHERS = ("minirun", "rootfs", "bin", PLACE)  # what the student's test is not made of
TIME_LIMIT = 15.0  # seconds for one minirun
NOT_STARTED, TOO_LONG = 1001, 1002  # in the place of an exit status


class Verdict(Record):
    good: int  # the test's exit status for minirun as it is
    nothing: int = 0  # for a program that does nothing
    survivors: tuple[str, ...] = ()  # hidden mutants for which it was 0


def path_of_test(desk: Desk) -> str:
    """Nothing where there is none yet."""
    return next((desk.file(name) for name in NAMES if os.path.isfile(desk.file(name))), "")


def verdict(desk: Desk) -> Verdict:
    """Of the test that there is."""
    mark = copies.fingerprint(copies.files(desk.directory, OTHERS))
    known = json.loads(desk.kept.get("verdict", "{}"))
    if known.get("mark") == mark:
        return Verdict(known["good"], known["nothing"], tuple(known["survivors"]))
    found = try_out(desk)
    desk.kept["verdict"] = json.dumps({"mark": mark, **dict(zip(found.fields, found.values()))})
    return found


def try_out(desk: Desk) -> Verdict:
    """One at a time, since a test gives its containers the same names each time."""
    lock = os.open(desk.directory, os.O_RDONLY)
    flock(lock, LOCK_EX)
    shutil.rmtree(desk.file(PLACE), ignore_errors=True)  # of a check that was killed
    try:
        return tried(desk)
    finally:
        shutil.rmtree(desk.file(PLACE), ignore_errors=True)
        os.close(lock)


def tried(desk: Desk) -> Verdict:
    home = desk.file(PLACE)
    package, runtime = copies.copy(home), copies.launcher(desk, f"{PLACE}/runtime", home)
    good = status(desk, runtime)
    if good != 0:
        return Verdict(good)
    nothing = status(desk, desk.write(f"{PLACE}/nothing", "#!/bin/sh\nexit 0\n", 0o755))
    if nothing == 0:
        return Verdict(good, nothing)
    return Verdict(good, nothing, tuple(one.name for one in mutants.HIDDEN if survives(desk, package, runtime, one)))


def survives(desk: Desk, package: str, runtime: str, mutant: mutants.Mutant) -> bool:
    mutants.change(package, mutant)
    survived = status(desk, runtime) == 0
    mutants.undo(package, mutant)
    return survived


def status(desk: Desk, runtime: str) -> int:
    """The test's exit status for one runtime. Nothing is left of what it has started."""
    import subprocess

    before = its_containers(desk)
    try:
        test = subprocess.Popen(
            [path_of_test(desk)],
            cwd=desk.directory,
            env={**os.environ, "RUNTIME": runtime},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:  # no x, or no #!
        return NOT_STARTED
    try:
        has_ended = is_ended_in_time(test.pid)
    finally:
        os.killpg(test.pid, signal.SIGKILL)  # while its number is still taken, since nobody has waited for it
        code = test.wait()
        for name in its_containers(desk) - before:
            sweep.delete(f"minirun {name}")
    return code if has_ended else TOO_LONG


def its_containers(desk: Desk) -> set[str]:
    """Others may start some at the same time."""
    return {name for name in sweep.own_containers() if desk.is_named(name)}


def is_ended_in_time(pid: int) -> bool:
    process = os.pidfd_open(pid)
    try:
        return bool(select.select([process], [], [], TIME_LIMIT)[0])
    finally:
        os.close(process)
