"""Containers that one Python process makes, one for each line of standard input.

    PYTHON bench/in_python.py BUNDLE             by minirun's own interface (docs/python.md)
    PYTHON bench/in_python.py BUNDLE COMMAND...  by starting another runtime each time

The first line of the output is the CPU time of the process so far, the others are the wall time of each container, all
in milliseconds.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def by_minirun(place: str) -> Callable[[], int]:
    import minirun

    bundle = minirun.Bundle(place)
    return lambda: minirun.run(bundle).returncode


def by_command(command: list[str]) -> Callable[[], int]:
    return lambda: subprocess.run(command).returncode


def cpu_so_far() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return 1e3 * sum(usage.ru_utime + usage.ru_stime for usage in usages)


def main() -> None:
    make = by_command(sys.argv[2:]) if sys.argv[2:] else by_minirun(sys.argv[1])
    print(cpu_so_far(), flush=True)
    for _ in sys.stdin:
        started = time.perf_counter()
        if make():
            sys.exit("the container failed")
        print(1e3 * (time.perf_counter() - started), flush=True)


if __name__ == "__main__":
    main()
