"""Runs a bundle's plan with one step more, whatever a test needs at that place.

    python plan_driver.py BUNDLE ID INDEX DEED

DEED is done by the process whose turn it is at step INDEX, before that step: `fail` raises, `kill` kills the process,
`interrupt` has SIGINT sent to the runtime, `modules` notes which modules are loaded in the bundle's file `modules`.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from minirun.errors import MinirunError
from minirun.plan.container import Options, plan
from minirun.runtime.caller import as_caller, default_root
from minirun.runtime.log import Log
from minirun.runtime.run import run_plan
from minirun.spec.load import content, decode, parse
from minirun.steps.step import CONTAINER, RUNTIME, Context, Refused, Step


class Deed(Step):
    """The step that the driver puts in."""

    deed: str
    output: int

    def describe(self) -> str:
        return f"{self.deed} here"

    def apply(self, context: Context) -> None:
        if self.deed == "fail":
            raise Refused("the test wants it", "none")
        if self.deed == "kill" and self.runs_in == RUNTIME:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.deed in ("kill", "interrupt"):
            os.write(self.output, b"!")
            time.sleep(0.5 if self.deed == "kill" else 0.05)
        if self.deed == "modules":
            os.write(self.output, (" ".join(sorted(sys.modules)) + "\n").encode())


class RuntimeDeed(Deed):
    runs_in = RUNTIME


def accomplice(deed: str) -> int:
    """A process outside that does the deed when a byte comes: the first one of a namespace can't even end itself."""
    reading, writing = os.pipe()
    runtime = os.getpid()
    if os.fork() == 0:
        os.close(writing)
        if os.read(reading, 1):
            if deed == "interrupt":
                os.kill(runtime, signal.SIGINT)
            else:
                kill_other_children(runtime)
        os._exit(0)
    os.close(reading)
    return writing


def kill_other_children(runtime: int) -> None:
    """Kill every child of the runtime but this process."""
    for pid in Path(f"/proc/{runtime}/task/{runtime}/children").read_text().split():
        if int(pid) != os.getpid():
            os.kill(int(pid), signal.SIGKILL)


def main() -> int:
    bundle, name, indexes, deed = sys.argv[1:]
    config = content(bundle)
    options = Options(id=name, bundle=bundle, root=default_root(), notify_socket="@nobody")
    parsed = parse(decode(config))
    steps = list(plan(parsed, as_caller(options, parsed.linux)))
    if deed in ("interrupt", "kill"):
        output = accomplice(deed)
    else:
        output = os.open(f"{bundle}/modules", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    for index in sorted(map(int, indexes.split(",")), reverse=True):
        kind = Deed if steps[index].runs_in == CONTAINER else RuntimeDeed
        steps.insert(index, kind(deed, output))
    try:
        return run_plan(tuple(steps), Log(), config)
    except MinirunError as error:
        print(error, file=sys.stderr)
        return error.exit_status


if __name__ == "__main__":
    sys.exit(main())
