"""On which machine, and with what, something was measured: figures mean little without it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from stopwatch import times

if TYPE_CHECKING:
    from collections.abc import Iterator

QUIET = 0.5  # load average, above which somebody else is at work

ABOUT_PYTHON = "import os, platform, sys; print(platform.python_version(), os.path.realpath(sys.executable))"
# By this, Pythons of one version differ by a third, as they were built.
BARE_START = ("-I", "-S", "-X", "utf8", "-c", "import os; os._exit(0)")


def head(programs: dict[str, str], python: str, load_before: float) -> Iterator[str]:
    """Lines about the machine, the Python and the runtimes, by their names."""
    system = os.uname()
    yield f"machine: {processors()}, {system.machine}, Linux {system.release}, {cgroups()}"
    bare = min(times([python, *BARE_START]).cpu for _ in range(5))
    yield f"Python: {first_line(python, '-I', '-c', ABOUT_PYTHON)}, its bare start {bare:.1f} ms of cpu"
    yield from [f"{name}: {first_line(program, '--version')}" for name, program in programs.items()]
    yield f"load average before: {load_before:.2f}"


def not_quiet(average: float) -> str:
    """A warning, or "" where there is nothing to warn of."""
    if average <= QUIET:
        return ""
    return f"WARNING: this machine is not quiet (load average {average:.2f}): the figures are not to be believed"


def warn_unless_quiet(average: float) -> None:
    if not_quiet(average):
        print(not_quiet(average), file=sys.stderr)


def load() -> float:
    return os.getloadavg()[0]


def processors() -> str:
    names = [line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").open() if line.startswith("model name")]
    return f"{os.cpu_count()} x {names[0] if names else 'unknown'}"


def cgroups() -> str:
    return "cgroup v2" if Path("/sys/fs/cgroup/cgroup.controllers").exists() else "hybrid cgroups"


def first_line(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        return str(error)
    return (done.stdout.splitlines() or ["unknown"])[0]
