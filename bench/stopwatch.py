"""What one command takes: wall time, processor time, and memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

SILENT = (
    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
    (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
    (os.POSIX_SPAWN_DUP2, 1, 2),
)


class Sample(NamedTuple):
    """In milliseconds and MiB; None is what was not looked at."""

    wall: float | None = None
    cpu: float | None = None
    memory: float | None = None


def times(command: list[str]) -> Sample:
    """Wall time, and the CPU time of the program with all the processes that it waited for (wait4(2), getrusage(2))."""
    started = time.perf_counter()
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=SILENT)
    _, status, usage = os.wait4(pid, 0)
    ended = time.perf_counter()
    must_be_zero(command, status)
    return Sample(1e3 * (ended - started), cpu_of(usage))


# Forks, says which process that is, and ends; the other waits for a line, so as not to end before.
FROM_A_SMALL_SHELL = 'exec 3<&0; { read -r _ <&3; exec "$@" 3<&- </dev/null; } >/dev/null 2>&1 & echo $!'


def peak(command: list[str]) -> Sample:
    """The peak of the largest process among the program and those that it waited for (ru_maxrss in getrusage(2)).

    ru_maxrss outlives execve(2), so that a program which Python had started would count Python's memory as its own. A
    small shell starts it therefore, in the background, and dies; this process, as a subreaper, becomes its parent.
    """
    pipe = subprocess.PIPE
    with subprocess.Popen(["/bin/sh", "-c", FROM_A_SMALL_SHELL, "sh", *command], stdin=pipe, stdout=pipe) as shell:
        pid = int(shell.stdout.read())
        shell.wait()
        shell.stdin.write(b"\n")
    _, status, usage = os.wait4(pid, 0)
    must_be_zero(command, status)
    return Sample(memory=usage.ru_maxrss / 1024)


def cpu_of(usage: object) -> float:
    return 1e3 * (usage.ru_utime + usage.ru_stime)


def must_be_zero(command: list[str], status: int) -> None:
    if status:
        sys.exit(f"bench: failed half-way, with exit status {os.waitstatus_to_exitcode(status)}: {' '.join(command)}")


def why_not(command: list[str]) -> str:
    """What the program says when it fails; "" when it does not. By a file: a container would keep a pipe open."""
    with tempfile.TemporaryFile("w+") as errors:
        try:
            status = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors
            ).returncode
        except OSError as error:
            return str(error)
        errors.seek(0)
        said = errors.read().strip().splitlines() or [f"exit status {status}"]
    return said[-1] if status else ""


# ---- containers in one Python process


class InPython:
    """bench/in_python.py, which makes a container for each line that it is sent."""

    def __init__(self, command: list[str]) -> None:
        self.command = command
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        self.before = self.answer()  # the CPU time of its own start
        self.made = 0

    def make(self) -> Sample:
        print(file=self.process.stdin, flush=True)
        self.made += 1
        return Sample(self.answer())

    def answer(self) -> float:
        line = self.process.stdout.readline()
        return float(line) if line else sys.exit(f"bench: failed: {' '.join(self.command)}")

    def end(self, others: frozenset[int]) -> Sample:
        """The CPU time of one container, on average: what a process that is kept for the next one took is known when it
        ends. Who did not wait for it, leaves it to this process, the subreaper."""
        self.process.stdin.close()
        self.process.stdout.close()
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        must_be_zero(self.command, status)
        return Sample(cpu=(cpu_of(usage) + sum(orphans(others)) - self.before) / max(self.made, 1))


def orphans(but: frozenset[int] = frozenset()) -> list[float]:
    """The CPU time of each child that is left, when all have ended but for those that others wait for."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [cpu_of(os.wait4(pid, 0)[2]) for pid in map(int, children) if pid not in but]
