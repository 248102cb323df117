"""On which machine, and with what, something was measured: figures mean little without it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

QUIET = 0.5  # load average, above which somebody else is at work

# What it is, where it is, and how it was built: by these, Pythons of the same version differ by a third.
ABOUT_PYTHON = """
import os, platform, sys, sysconfig
options = sysconfig.get_config_var("CONFIG_ARGS") or ""
built = [word for word, option in (("PGO", "--enable-optimizations"), ("LTO", "--with-lto")) if option in options]
print(platform.python_version(), os.path.realpath(sys.executable), "with", " and ".join(built) or "neither PGO nor LTO")
"""


def head(programs: dict[str, str], python: str, load_before: float) -> Iterator[str]:
    """Lines about the machine, the Python and the runtimes, by their names."""
    system = os.uname()
    yield f"machine: {processors()}, {system.machine}, Linux {system.release}, {cgroups()}"
    yield f"Python: {first_line(python, '-I', '-c', ABOUT_PYTHON)}"
    yield "runtimes: " + "; ".join(f"{name}: {first_line(program, '--version')}" for name, program in programs.items())
    yield f"load average before: {load_before:.2f}"


def not_quiet(average: float) -> str:
    """A warning, or "" where there is nothing to warn of."""
    if average <= QUIET:
        return ""
    return f"WARNING: this machine is not quiet (load average {average:.2f}): the figures are not to be believed"


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
