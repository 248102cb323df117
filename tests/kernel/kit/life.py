"""A container that a test takes through its life, one command after the other."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kernel.kit.outside import Process, children, is_zombie
from kernel.kit.runtime import TIMEOUT, Result, new_id

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kernel.kit.bundle import Bundle
    from kernel.kit.runtime import Runtime


class Life:
    """What a command writes goes to files of its own, since the program inherits them from `create` and `run`."""

    def __init__(self, runtime: Runtime, bundle: Bundle) -> None:
        self.runtime, self.bundle, self.id = runtime, bundle, new_id()
        self.calls = 0
        self.programs_output = bundle.path / "no output yet"
        bundle.write()

    def call(self, command: str, *words: str, options: Sequence[str] = ()) -> Result:
        """One command of the runtime, to its end: RUNTIME COMMAND OPTIONS ID WORDS."""
        return self.line(command, *options, self.id, *words)

    def line(self, *words: str, **more: Any) -> Result:
        self.calls += 1
        output, errors = (self.bundle.path / f"{self.calls}-{name}" for name in ("output", "errors"))
        if words[0] in ("create", "run"):
            self.programs_output = output
        with output.open("w") as out, errors.open("w") as err:
            argv = [*self.runtime.argv, *words]
            environment = self.runtime.environment
            done = subprocess.run(
                argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment, timeout=TIMEOUT, **more
            )
        return Result(done.returncode, text(output), text(errors))

    def create(self, *options: str) -> Result:
        return self.call("create", options=["--bundle", str(self.bundle.path), *options])

    def start(self) -> Result:
        return self.call("start")

    def kill(self, *words: str, options: Sequence[str] = ()) -> Result:
        return self.call("kill", *words, options=options)

    def delete(self, *options: str) -> Result:
        return self.call("delete", options=options)

    def created(self, *options: str) -> Life:
        """Itself, created; for a test that is about what comes after."""
        made = self.create(*options)
        assert made.status == 0, made
        return self

    def started(self, *options: str) -> Life:
        started = self.created(*options).start()
        assert started.status == 0, started
        return self

    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = self.call("state").json
        return state

    @property
    def status(self) -> str:
        return str(self.state()["status"])

    @property
    def process(self) -> Process:
        return Process(self.state()["pid"])

    def output(self) -> str:
        """What the program has written so far."""
        return text(self.programs_output)

    def wait_for(self, happens: Callable[[], bool]) -> None:
        deadline = time.monotonic() + TIMEOUT
        while not happens():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.01)

    def end(self) -> None:
        """Nothing of it is left, whatever the runtime can do."""
        with contextlib.suppress(AssertionError, KeyError, ValueError, ProcessLookupError):
            if pid := self.state()["pid"]:
                os.kill(pid, signal.SIGKILL)
                self.wait_for(lambda: has_ended(pid))
        deleted = self.delete("--force")
        assert deleted.status == 0, deleted


def has_ended(pid: int) -> bool:
    """The first process of a pid namespace ends after all others are gone. Those that were detached from `exec` are
    children of this process by now, and gone when it has asked for their status."""
    for child in children(os.getpid()):
        if child != pid and is_zombie(child):
            os.waitpid(child, 0)
    return not Path(f"/proc/{pid}").exists() or is_zombie(pid)


def text(file: Path) -> str:
    return file.read_bytes().decode(errors="surrogateescape") if file.exists() else ""
