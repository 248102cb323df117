"""Runs a bundle's plan as `run --without` does, with what only a test wants.

    python without_driver.py BUNDLE ID [NAME…]

NAME is a protection that is left out. `hold` stops the container's process before it runs the program, until it gets
SIGCONT. With `follow`, paths of the image are looked up as if they were the host's.
"""

from __future__ import annotations

import os
import signal
import sys

from minirun.errors import MinirunError
from minirun.kernel import files
from minirun.plan.container import Options, planned
from minirun.runtime.caller import default_root
from minirun.runtime.log import Log
from minirun.runtime.run import run_plan
from minirun.spec.load import content, decode, parse
from minirun.steps.step import Context, Step


class Hold(Step):
    """Time for somebody to look."""

    def describe(self) -> str:
        return "stop here"

    def apply(self, context: Context) -> None:
        os.kill(os.getpid(), signal.SIGSTOP)


def held(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    place = next(index for index, step in enumerate(steps) if step.becomes_program)
    return (*steps[:place], Hold(), *steps[place:])


def follow(root: int, path: str, flags: int, symlinks: bool = True) -> int:
    """In the place of files.open_in_root: symlinks with a leading / lead to the host."""
    return files.open(f"{files.by_descriptor(root)}/{path}", flags | os.O_CLOEXEC)


def main() -> int:
    bundle, name, *words = sys.argv[1:]
    if "follow" in words:
        files.open_in_root = follow
    config = content(bundle)
    left_out = ",".join(word for word in words if word not in ("follow", "hold"))
    steps = planned(parse(decode(config)), Options(id=name, bundle=bundle, root=default_root(), without=left_out))
    try:
        return run_plan(held(steps) if "hold" in words else steps, Log(), config)
    except MinirunError as error:
        print(error, file=sys.stderr)
        return error.exit_status


if __name__ == "__main__":
    sys.exit(main())
