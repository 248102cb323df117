"""Runs the probe as a further process of a container whose pid is another process's by then.

    python exec_driver.py ID PID

What exec has found in the books is the container's own; from there on it has the other pid.
"""

from __future__ import annotations

import sys

from minirun.errors import MinirunError
from minirun.operations import execute
from minirun.plan.exec import ExecOptions
from minirun.runtime import books, exec
from minirun.runtime.caller import default_root
from minirun.runtime.log import Log


def reuse(pid: int) -> None:
    """Has the container's pid change hands when its status has been looked at, right before config.json is read."""
    config_of = exec.config_of

    def config_later(container: books.Container) -> bytes:
        container.facts["pid"] = pid
        return config_of(container)

    exec.config_of = config_later


def main() -> int:
    name, pid = sys.argv[1:]
    reuse(int(pid))
    try:
        return execute(default_root(), name, exec.Wishes(args=("/probe",)), ExecOptions(), Log())
    except MinirunError as error:
        print(error, file=sys.stderr)
        return error.exit_status


if __name__ == "__main__":
    sys.exit(main())
