"""A container on its way through the operations of runtime.md, each a command of the runtime.

What they write goes to files beside the bundle: the program's words, the answers of `state`, and the errors of all.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .runtime import TIME_LIMIT, descendants, has_ended, kill
from .suite import Broken

if TYPE_CHECKING:
    from collections.abc import Callable

    from .container import Container
    from .runtime import Result

PATIENCE = 3.0  # seconds; the kernel ends processes and empties cgroups in its own time


class Life:
    def __init__(self, container: Container) -> None:
        self.container, self.runtime = container, container.runtime
        self.said, self.answers, self.errors = (container.place / name for name in ("said", "answers", "errors"))
        self.earlier = set(descendants(os.getpid()))
        self.is_deleted = False

    # ---- the operations

    def operate(self, *words: str, **more: Any) -> Result:
        return self.runtime.operate(words, self.answers, self.errors, **more)

    def create(self, bundle: str = "", **more: Any) -> Result:
        self.is_deleted = False
        words = ("create", "--bundle", bundle or str(self.container.bundle), self.container.id)
        return self.runtime.operate(words, self.said, self.errors, **more)  # the program inherits these files

    def start(self) -> Result:
        return self.operate("start", self.container.id)

    def kill(self, signal: str = "KILL") -> Result:
        return self.operate("kill", self.container.id, signal)

    def delete(self) -> Result:
        return self.operate("delete", self.container.id)

    def query(self) -> Result:
        return self.operate("state", self.container.id)

    # ---- the operations that a case takes for granted

    def must_create(self) -> None:
        must("create", self.create())

    def must_start(self) -> None:
        must("start", self.start())

    def must_kill(self, signal: str = "KILL") -> None:
        must("kill", self.kill(signal))

    def must_stop(self) -> None:
        """SIGKILL is the one signal that every first process of a pid namespace ends by: pid_namespaces(7)."""
        self.must_kill()
        self.wait_for("the container's processes end", lambda: not self.processes())

    def must_delete(self) -> None:
        must("delete", self.delete())
        self.is_deleted = True

    def go_through(self) -> None:
        """From create to delete, with the probe's `sleep`."""
        self.must_create()
        self.must_start()
        self.wait_for_program()
        self.must_stop()
        self.must_delete()

    # ---- what there is to see

    def state(self) -> dict[str, Any]:
        result = self.query()
        must("state", result)
        try:
            state: dict[str, Any] = json.loads(result.stdout)
        except ValueError:
            raise Broken(f"the state is not JSON: {result.stdout[:600]!r}") from None
        return state

    @property
    def status(self) -> Any:
        return self.state().get("status")

    @property
    def pid(self) -> int:
        pid: Any = self.state().get("pid")
        if not isinstance(pid, int) or pid <= 0:
            raise Broken(f"the state has no pid of a process: {pid!r}")
        return pid

    @property
    def exists(self) -> bool:
        return self.query().status == 0

    def is_over(self) -> bool:
        """Stopped, or deleted already."""
        answer = self.query()
        return answer.status != 0 or json.loads(answer.stdout)["status"] == "stopped"

    def output(self) -> str:
        """What the program wrote so far."""
        return self.said.read_text(errors="surrogateescape")

    def program(self) -> str:
        """What the container's process executes: the runtime until `start`."""
        return os.readlink(f"/proc/{self.pid}/exe")

    def wait_for_program(self) -> None:
        """The probe's `sleep` and `wait` say when they have begun; `start` may return a little earlier."""
        self.wait_for("the program runs", lambda: "ready" in self.output())

    def processes(self) -> list[int]:
        """All that are alive and were not there before. An orphan is this suite's child: machine.move_out()."""
        return [pid for pid in descendants(os.getpid()) if pid not in self.earlier and not has_ended(pid)]

    def wait_for(self, what: str, happens: Callable[[], Any], seconds: float = TIME_LIMIT) -> None:
        deadline = time.monotonic() + seconds
        while not happens():
            if time.monotonic() > deadline:
                raise Broken(f"not so within {seconds:.0f} seconds: {what}")
            time.sleep(0.02)

    def wait_for_status(self, wanted: str) -> None:
        self.wait_for(f"the status is {wanted!r}", lambda: self.status == wanted)

    # ---- afterwards

    def end(self) -> None:
        """Nothing of it is left, whatever the runtime can do."""
        if not self.is_deleted:
            self.container.delete()
        deadline = time.monotonic() + PATIENCE
        while (left := set(descendants(os.getpid())) - self.earlier) and time.monotonic() < deadline:
            kill(iter(left))
            for pid in left:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
            time.sleep(0.005)
        for cgroup in self.container.cgroups_of_the_host():
            with contextlib.suppress(OSError):
                os.rmdir(cgroup)


def must(operation: str, result: Result) -> None:
    if result.status != 0:
        raise Broken(f"`{operation}` failed (status {result.status}): {result.last_words}")


def must_fail(operation: str, result: Result) -> None:
    if result.status == 0:
        raise Broken(f"`{operation}` did not generate an error")


def settled(look: Callable[[], list[Any]]) -> list[Any]:
    """What `look` finds that does not go away by itself."""
    deadline = time.monotonic() + PATIENCE
    while (found := look()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def file_lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []
