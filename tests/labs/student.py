"""Somebody who does a lab: with the commands that a student has, in a directory of the test's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kernel.kit.runtime import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kernel.kit.runtime import Runtime

REPOSITORY = Path(__file__).parents[2]
LONG = 120 * PATIENCE  # seconds for a solution


class Student:
    """Does lab `number` below `place`."""

    def __init__(self, number: str, place: Path, runtime: Runtime, other: str = "minirun") -> None:
        self.number, self.place, self.runtime = number, place, other
        self.directory = place / number
        programs = place / ".bin"
        programs.mkdir(exist_ok=True)
        own = {
            "minirun": f"PYTHONPATH={REPOSITORY} exec {' '.join(runtime.argv)}",
            "python3": f"exec {sys.executable}",  # which has minirun's libraries, as the class's own python3 has
        }
        for name, words in own.items():
            (programs / name).write_text(f'#!/bin/sh\n{words} "$@"\n')
            (programs / name).chmod(0o755)
        self.environment = {
            "PATH": f"{programs}:{os.environ['PATH']}:/usr/sbin:/sbin",
            "MINIRUN_LABS": str(place),
            "RUNTIME": other,
            "HOME": str(place),
            "TERM": "dumb",
            "LANG": "C.UTF-8",
            "PS1": "",
        }

    def lab(self, action: str, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run("minirun", "lab", action, self.number, *words)

    def run(self, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words,
            cwd=cwd,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LONG,
            check=False,
        )

    def start(self) -> None:
        words = ["--runtime", self.runtime] if self.runtime != "minirun" else []
        done = self.lab("start", *words)
        assert done.returncode == 0, done.stderr

    def reset(self) -> None:
        done = self.lab("reset")
        assert done.returncode == 0, done.stderr

    def script(self, path: str) -> subprocess.CompletedProcess[str]:
        """Its output goes to a file, which what it leaves running may hold open."""
        with (self.place / "said").open("w") as said:
            done = subprocess.run(
                ["bash", path],
                cwd=self.directory,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                timeout=LONG,
                check=False,
            )
        return subprocess.CompletedProcess(done.args, done.returncode, (self.place / "said").read_text(), "")

    def checked(self) -> dict[str, Any]:
        done = self.lab("check", "--json")
        assert done.returncode in (0, 2, 3), done.stderr
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    def hints(self) -> set[str]:
        return {goal["hint"] for goal in self.checked()["goals"] if goal["hint"]}

    def left(self) -> list[str]:
        """What is still there of all that was done, as far as the machine's own tools show it."""
        return [*self.processes(), *self.mounts(), *self.cgroups(), *self.networks(), *self.files()]

    def processes(self) -> Iterator[str]:
        """What has been started from here has the directory in its environment (proc_pid_environ(5))."""
        for directory in Path("/proc").glob("[0-9]*"):
            try:
                environment = (directory / "environ").read_bytes()  # empty, once it has ended
            except OSError:
                continue
            if f"MINIRUN_LABS={self.place}\0".encode() in environment:
                yield f"process {directory.name}"

    def mounts(self) -> list[str]:
        marks = (str(self.directory), f"lab{self.number}")
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
        return [line for line in lines if any(mark in line for mark in marks)]

    def cgroups(self) -> list[str]:
        lines = (line.split() for line in Path("/proc/mounts").read_text().splitlines())
        places = {fields[1] for fields in lines if fields[2].startswith("cgroup")}
        depths = ["*/" * depth + f"lab{self.number}*/" for depth in range(5)]
        return [str(one) for place in places for pattern in depths for one in Path(place).glob(pattern)]

    def networks(self) -> list[str]:
        found = [*Path("/sys/class/net").glob(f"lab{self.number}*"), *Path("/run/netns").glob(f"lab{self.number}*")]
        return list(map(str, found))

    def files(self) -> list[str]:
        books = Path("/run/minirun").glob(f"lab{self.number}*")
        return [
            str(path)
            for path in (self.directory, self.place / ".books" / f"{self.number}.json", *books)
            if path.exists()
        ]
