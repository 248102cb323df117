"""Runs a bundle with the runtime under test: to its end (`run`), or beside the test (`running`).

Every container has an id of its own and every wait an end, so that a runtime which hangs fails one test only.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kernel.kit.outside import Process, descendants

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kernel.kit.bundle import Bundle

PATIENCE = float(os.environ.get("MINIRUN_TEST_PATIENCE", "1"))
TIMEOUT = 20.0 * PATIENCE  # seconds
REPOSITORY = Path(__file__).parents[3]
PREFIX = f"minirun-test-{os.getpid()}"
NUMBERS = itertools.count(1)


def new_id() -> str:
    return f"{PREFIX}-{next(NUMBERS)}"


def find_runtime(name: str) -> list[str]:
    """The words that start the runtime: for minirun the script beside this interpreter, else its module."""
    script = Path(sys.executable).with_name("minirun")
    if name != "minirun":
        return [name]
    return [str(script)] if script.exists() else [sys.executable, "-m", "minirun"]


class Result:
    """What a run left: its exit status as a shell counts it, and what it wrote."""

    def __init__(self, status: int, stdout: str, stderr: str) -> None:
        self.status = status if status >= 0 else 128 - status
        self.stdout, self.stderr = stdout, stderr

    @property
    def json(self) -> Any:
        """The probe's object. Asking for it expects that the run went well."""
        assert self.status == 0, f"exit status {self.status}\n{self.stderr}"
        return json.loads(self.stdout)

    @property
    def refused(self) -> bool:
        """Whether the runtime said no before the program ran: status 1, a reason, nothing from the program."""
        return self.status == 1 and self.stderr.strip() != "" and self.stdout == ""

    def __repr__(self) -> str:
        return f"exit status {self.status}\n--- stdout\n{self.stdout[:2000]}\n--- stderr\n{self.stderr[:4000]}"


class Running(Process):
    """A container whose probe runs beside the test. As a Process it is the probe, seen from outside."""

    def __init__(self, runtime: subprocess.Popen[str], pid: int, container_id: str) -> None:
        super().__init__(pid)
        self.runtime, self.container_id, self.host_pid = runtime, container_id, pid

    def line(self, timeout: float = TIMEOUT) -> str:
        """The next line that the program writes."""
        return read_line(self.runtime, timeout)

    def wait(self, timeout: float = TIMEOUT) -> int:
        """The runtime's exit status as a shell counts it."""
        status = self.runtime.wait(timeout)
        return status if status >= 0 else 128 - status


class Runtime:
    """The runtime under test."""

    def __init__(self, name: str) -> None:
        self.name = Path(name).name
        self.argv = find_runtime(name)
        self.environment = dict(os.environ)
        if "-m" in self.argv:
            self.environment["PYTHONPATH"] = str(REPOSITORY)

    def command(self, bundle: Bundle, container_id: str, options: Sequence[str] = ()) -> list[str]:
        return [*self.argv, "run", *options, "--bundle", str(bundle.path), container_id]

    def run(
        self,
        bundle: Bundle,
        *,
        options: Sequence[str] = (),
        prefix: Sequence[str] = (),
        stdin: str | None = None,
        environment: dict[str, str] | None = None,
        container_id: str | None = None,
        timeout: float = TIMEOUT,
        **more: Any,
    ) -> Result:
        """Runs the bundle to its end. `prefix` is a command such as choom that starts the runtime; `more` goes to
        subprocess."""
        bundle.write()
        process = subprocess.Popen(
            [*prefix, *self.command(bundle, new_id() if container_id is None else container_id, options)],
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="surrogateescape",
            env=self.environment | (environment or {}),
            **more,
        )
        with ended(process):
            stdout, stderr = process.communicate(stdin, timeout)
        return Result(process.returncode, stdout, stderr)

    @contextlib.contextmanager
    def running(
        self,
        bundle: Bundle,
        *,
        options: Sequence[str] = (),
        container_id: str | None = None,
        **more: Any,
    ) -> Iterator[Running]:
        """Starts a bundle whose program says "ready" (probe wait, probe sleep) and ends it when the test is done."""
        bundle.write()
        container_id = new_id() if container_id is None else container_id
        with (
            subprocess.Popen(
                self.command(bundle, container_id, options),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=self.environment,
                **more,
            ) as process,
            ended(process),
        ):
            said = read_line(process)
            if said != "ready":
                raise AssertionError(f"{self.name} did not start the program: {said!r}\n{stop_and_read(process)}")
            yield Running(process, find_program(process.pid, bundle), container_id)

    def delete_leftovers(self) -> None:
        """Ends containers that this runtime left behind: tests have told of them, and the next run needs none."""
        state = Path("/run") / self.name
        for entry in state.iterdir() if state.is_dir() else ():
            if entry.name.startswith(PREFIX):
                subprocess.run([*self.argv, "delete", "--force", entry.name], check=False, timeout=TIMEOUT)


def find_program(runtime_pid: int, bundle: Bundle, timeout: float = TIMEOUT) -> int:
    """The host's number of the process below the runtime that runs the bundle's probe."""
    probe = os.stat(bundle.rootfs / "probe")
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        for pid in descendants(runtime_pid):
            with contextlib.suppress(OSError):
                program = os.stat(f"/proc/{pid}/exe")
                if (program.st_dev, program.st_ino) == (probe.st_dev, probe.st_ino):
                    return pid
        time.sleep(0.01)
    raise AssertionError(f"no process below {runtime_pid} runs the probe")


@contextlib.contextmanager
def ended(process: subprocess.Popen[str]) -> Iterator[None]:
    """Leaves nothing of `process` behind: first its descendants, so that the runtime can still tidy up after them."""
    try:
        yield
    finally:
        if process.poll() is None:
            for pid in reversed(descendants(process.pid)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
            process.kill()
            process.wait()


def read_line(process: subprocess.Popen[str], timeout: float = TIMEOUT) -> str:
    """A line of the program's output, without its line break; "" at the end of the output.

    Byte by byte past Python's buffers, because a buffered read can't be given a time limit.
    """
    assert process.stdout is not None
    descriptor, said = process.stdout.fileno(), b""
    deadline = time.monotonic() + timeout
    while not said.endswith(b"\n"):
        left = deadline - time.monotonic()
        assert left > 0 and select.select([descriptor], [], [], left)[0], f"no line in {timeout} seconds, only {said!r}"
        byte = os.read(descriptor, 1)
        if not byte:
            break
        said += byte
    return said.decode().rstrip("\n")


def stop_and_read(process: subprocess.Popen[str]) -> str:
    """What a runtime that did not do as expected wrote to standard error."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.communicate(timeout=5)[1]
    return "(it still runs)"
