"""Has the runtimes take turns, and notes what each turn took."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import rows
from kit import python_of
from rows import ENGINES, NEEDED, PYTHON, ROWS, SUM
from stopwatch import InPython, Sample, peak, times, why_not
from table import Figures, total

if TYPE_CHECKING:
    from collections.abc import Callable

    from rows import Commands, Runtime
    from table import Measured

    Group = Callable[[Runtime, Path], Commands]
    Watch = Callable[[list[str]], Sample]

MEMORY_RUNS = 3  # the peaks of one runtime differ by a few per cent only
IN_PYTHON = Path(__file__).with_name("in_python.py")


class Bench:
    """Who takes part, where the bundles are, what is asked for, and what is known so far."""

    def __init__(self, runtimes: list[Runtime], place: Path, runs: int, only: list[str]) -> None:
        self.runtimes, self.place, self.runs, self.only = runtimes, place, runs, set(only)
        self.measured: Measured = {}

    def measure_all(self) -> Measured:
        alone = [one for one in self.runtimes if not one.only_runs]
        with contextlib.ExitStack() as stack:
            stack.callback(self.tidy)
            self.measure(("run",), rows.one_run, self.runtimes)
            self.measure(rows.LIFE, rows.life, alone)
            self.measure(rows.SMALL, rows.small, alone)
            self.measure(("podman",), rows.podman, self.below_podman(alone))
            self.measure(("docker",), rows.docker, self.below_docker(alone, stack))
            self.measure_in_python(alone)
        return {row: self.measured[row] for row in ROWS if row in self.measured}

    def measure(self, names: tuple[str, ...], group: Group, runtimes: list[Runtime]) -> None:
        if not self.only.intersection(names):
            return
        able = {runtime: self.first_turn(group, runtime) for runtime in runtimes}
        watches = [times] * self.runs + ([] if names[0] in ENGINES else [peak] * MEMORY_RUNS)
        for watch in watches:
            for runtime, able_rows in able.items():
                for row, sample in self.turn(group, runtime, able_rows, watch).items():
                    self.note(row, runtime, sample)

    def first_turn(self, group: Group, runtime: Runtime) -> set[str]:
        """The rows that this runtime has; none where a part of a life fails. It also warms up the page cache."""
        able = set()
        for row, command in group(runtime, self.place):
            if row not in self.only.union(NEEDED):
                continue
            if not left_out(f"{row} of {runtime.name}", why_not(command)):
                able.add(row)
            elif row in NEEDED:
                self.tidy()
                return set()
        return able

    def turn(self, group: Group, runtime: Runtime, able: set[str], watch: Watch) -> dict[str, Sample]:
        if not able:
            return {}
        samples = {row: watch(command) for row, command in group(runtime, self.place) if row in able}
        if samples.keys() >= set(NEEDED):
            samples[SUM] = total(samples[row] for row in SUM.split("+"))
        return samples

    def note(self, row: str, runtime: Runtime, sample: Sample) -> None:
        if row in ENGINES:  # the rest is the engine's, and not all of that, since it does not wait for all it starts
            sample = Sample(sample.wall)
        if row in self.only:
            self.measured.setdefault(row, {}).setdefault(runtime.name, Figures()).note(sample)

    def tidy(self) -> None:
        """Does nothing unless a life was cut short, when the container may be left."""
        for runtime in self.runtimes:
            subprocess.run(runtime.command("delete", "--force", runtime.id), capture_output=True)

    # ---- engines

    def below_podman(self, runtimes: list[Runtime]) -> list[Runtime]:
        """Podman takes a path, without options."""
        if "podman" not in self.only or left_out("podman", rows.why_no_podman()):
            return []
        return [one for one in runtimes if not one.global_options]

    def below_docker(self, runtimes: list[Runtime], stack: contextlib.ExitStack) -> list[Runtime]:
        """dockerd has to know the runtime already."""
        if "docker" not in self.only:
            return []
        names = rows.docker_names()
        known = [one for one in runtimes if names.get(one.real_program) and not one.global_options]
        if left_out("docker", "" if known else "it does not answer, or has been told of none of the runtimes"):
            return []
        rows.load_image(self.place / "engine" / "rootfs")
        stack.callback(rows.remove_image)
        for one in known:
            one.docker_name = names[one.real_program]
        return known

    # ---- in one Python process

    def measure_in_python(self, runtimes: list[Runtime]) -> None:
        if PYTHON not in self.only:
            return
        processes = [(runtime, InPython(self.in_python(runtime))) for runtime in runtimes]
        for number in range(1 + self.runs):
            for runtime, process in processes:
                sample = process.make()
                if number:
                    self.note(PYTHON, runtime, sample)
        pids = frozenset(process.process.pid for _, process in processes)
        for runtime, process in processes:
            self.note(PYTHON, runtime, process.end(pids))

    def in_python(self, runtime: Runtime) -> list[str]:
        minirun = next((one for one in self.runtimes if one.is_minirun), runtime)
        python = python_of(runtime.program if runtime.is_minirun else minirun.program)
        command = [] if runtime.is_minirun else runtime.run(self.place / "true")
        return [str(python), str(IN_PYTHON), str(self.place / "true"), *command]


def left_out(name: str, reason: str) -> bool:
    if reason:
        print(f"left out: {name}: {reason}", file=sys.stderr)
    return bool(reason)
