"""Runs a bundle's plan without some of its steps, from an interpreter that is not sealed.

    python without_driver.py BUNDLE ID [CLASS…]

CLASS is the name of a step's class: its steps are left out. With CLASS=OTHER they are replaced by steps of that one,
which takes no arguments. `hold` stops the container's process before it runs the program, until it gets SIGCONT. With
`follow`, paths of the image are looked up as if they were the host's.
"""

from __future__ import annotations

import os
import signal
import sys

from minirun.errors import MinirunError
from minirun.kernel import files
from minirun.plan.container import Options, plan
from minirun.runtime.caller import default_root
from minirun.runtime.log import Log
from minirun.runtime.run import run_plan
from minirun.spec.load import content, decode, parse
from minirun.steps import rootfs
from minirun.steps.step import Context, Step


class Hold(Step):
    """Time for somebody to look."""

    def describe(self) -> str:
        return "stop here"

    def apply(self, context: Context) -> None:
        os.kill(os.getpid(), signal.SIGSTOP)


def changed(steps: tuple[Step, ...], words: list[str]) -> tuple[Step, ...]:
    instead = {old: new for old, _, new in (word.partition("=") for word in words)}
    kept: list[Step] = []
    for step in steps:
        name = type(step).__name__
        if "hold" in words and step.becomes_program:
            kept.append(Hold())
        if name not in instead:
            kept.append(step)
        elif instead[name]:
            kept.append(getattr(rootfs, instead[name])())
    return tuple(kept)


def follow(root: int, path: str, flags: int, symlinks: bool = True) -> int:
    """In the place of files.open_in_root: symlinks with a leading / lead to the host."""
    return files.open(f"{files.by_descriptor(root)}/{path}", flags | os.O_CLOEXEC)


def main() -> int:
    bundle, name, *words = sys.argv[1:]
    if "follow" in words:
        files.open_in_root = follow
    config = content(bundle)
    steps = plan(parse(decode(config)), Options(id=name, bundle=bundle, root=default_root()))
    try:
        return run_plan(changed(steps, words), Log(), config)
    except MinirunError as error:
        print(error, file=sys.stderr)
        return error.exit_status


if __name__ == "__main__":
    sys.exit(main())
