"""SIGKILL for the runtime, the container's process, or both: before each step, before each step that is taken back, and
at any moment."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import select
import signal
import time
from typing import TYPE_CHECKING, NamedTuple

from minirun.steps import step as sides
from minirun.steps.step import Observer

from .commands import ID, prepare, remove
from .fault import CONTAINER, RUNTIME, Fault, Outcome
from .process import Gate, Process
from .world import PLACE, ROOT, children

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from minirun.steps.step import Context, Step

    from .commands import Command

RECORD = PLACE / "written" / "record"
VICTIMS = ((RUNTIME,), (CONTAINER,), (RUNTIME, CONTAINER))
MOMENTS = 60  # how many random ones there are for each command


class Point(NamedTuple):
    verb: str  # of the observer
    number: int  # of the step from 0 on, or how many have been taken back
    side: str
    has_both: bool
    sentence: str

    def __str__(self) -> str:
        when = f"step {self.number + 1}" if self.verb == "before" else f"undoing {self.number + 1}"
        return f"before {when} ({self.sentence})"


class Watcher(Observer):
    """Calls `at` before each step, and before each that is taken back."""

    def __init__(self) -> None:
        self.undone = 0

    def at(self, verb: str, number: int, side: str, step: Step) -> None:
        raise NotImplementedError

    def before(self, step: Step, index: int, context: Context) -> None:
        self.at("before", index, context.me, step)

    def undoing(self, step: Step) -> None:
        self.at("undoing", self.undone, sides.RUNTIME, step)
        self.undone += 1


class Recorder(Watcher):
    """Notes them all."""

    def __init__(self, has_both: bool) -> None:
        super().__init__()
        self.has_both = has_both  # from the beginning on
        self.file = os.open(RECORD, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)

    def descriptors(self) -> tuple[int, ...]:
        return (self.file,)

    def at(self, verb: str, number: int, side: str, step: Step) -> None:
        has_both = self.has_both or side != sides.RUNTIME or bool(children("self"))
        point = Point(verb, number, side, has_both, step.describe())
        os.write(self.file, json.dumps(point).encode() + b"\n")


class Halt(Watcher):
    """Stands still at one point."""

    def __init__(self, gate: Gate, point: Point) -> None:
        super().__init__()
        self.gate, self.point = gate, point

    def descriptors(self) -> tuple[int, ...]:
        return self.gate.report, self.gate.hold

    def at(self, verb: str, number: int, side: str, step: Step) -> None:
        if (verb, number, side) == self.point[:3]:
            self.gate.stop()


def points_of(command: Command) -> list[Point]:
    """What a command goes through, when nothing is wrong."""
    recorder = Recorder(command.observed)
    words = prepare(command, recorder)
    os.truncate(RECORD, 0)  # what came before the command is not its own
    Process(words, recorder).end()
    os.close(recorder.file)
    remove()
    return [Point(*json.loads(line)) for line in RECORD.read_text().splitlines()]


def at_each_step(command: Command) -> Iterator[Fault]:
    for point in points_of(command):
        for victims in VICTIMS if point.has_both else VICTIMS[:1]:
            name = f"kill the {' and the '.join(victims)} {point}"
            is_first = command.by_steps and len(victims) == 1
            yield Fault(name, functools.partial(kill_at, command, point, victims), is_first)


def kill_at(command: Command, point: Point, victims: tuple[str, ...]) -> Outcome:
    gate = Gate()
    halt = Halt(gate, point)
    process = Process(prepare(command, halt), halt)
    met = gate.is_reached(process)
    if met:
        kill(process, victims)
        gate.open()
    outcome = outcome_of(process, victims, met)
    gate.close()
    return outcome


def at_random(command: Command, random: Random) -> Iterator[Fault]:
    begin = time.monotonic()
    Process(prepare(command)).end()
    lasts = time.monotonic() - begin
    remove()
    for number in range(MOMENTS):
        moment, victims = random.uniform(0, lasts), random.choice(VICTIMS)
        name = f"kill the {' and the '.join(victims)} after {moment * 1000:.1f} ms ({number})"
        yield Fault(name, functools.partial(kill_after, command, moment, victims))


def kill_after(command: Command, moment: float, victims: tuple[str, ...]) -> Outcome:
    process = Process(prepare(command))
    met = not select.select([process.pidfd], [], [], moment)[0]
    if met:
        kill(process, victims)
    return outcome_of(process, victims, met)


def kill(process: Process, victims: tuple[str, ...]) -> None:
    """Both die before either can see the other's end."""
    pids = {RUNTIME: process.pid, CONTAINER: process.container() or pid_in_books()}
    found = [pids[victim] for victim in victims if pids[victim]]
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in found:
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                os.kill(pid, number)


def pid_in_books() -> int:
    try:
        return int(json.loads((ROOT / ID / "state.json").read_text())["pid"])
    except (OSError, ValueError):
        return 0


def outcome_of(process: Process, victims: tuple[str, ...], met: bool) -> Outcome:
    return Outcome(process.end(), met, victims if met else ())
