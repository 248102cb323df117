"""A command of minirun as a process: forked from this one, which has imported all of minirun already.

So it starts in a millisecond, and what strace sees of it is minirun's own work, without Python's start. That it would
start itself again out of the container's reach (runtime/seal.py) is left out.
"""

from __future__ import annotations

import gc
import importlib
import os
import pkgutil
import select
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from kernel.kit.runtime import find_runtime

import minirun as package
from minirun.cli import actions
from minirun.cli.start import start
from minirun.runtime import seal
from minirun.steps.step import Observer

from .world import OWN, PLACE, children, is_alive, orphans

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PATIENCE = 10.0  # seconds; who takes longer hangs
MINIRUN = find_runtime("minirun")
WRITTEN = PLACE / "written"


class Result(NamedTuple):
    status: int  # as a shell counts it; -1 where the command had to be ended, since it hung
    output: str
    errors: str

    @property
    def hung(self) -> bool:
        return self.status == -1

    @property
    def killed(self) -> bool:
        return self.status == 128 + signal.SIGKILL


class Gate:
    """Where a process stands still until it may go on, or is killed."""

    def __init__(self) -> None:
        self.reports, self.report = os.pipe()
        self.hold, self.holder = os.pipe()

    def stop(self) -> None:
        """The process itself: say that it is here, and wait."""
        os.write(self.report, b"!")
        os.read(self.hold, 1)

    def is_reached(self, process: Process) -> bool:
        """Wait until somebody stands here; False where the command ends before."""
        poll = select.poll()
        poll.register(self.reports, select.POLLIN)
        poll.register(process.pidfd, select.POLLIN)
        ready = [descriptor for descriptor, _ in poll.poll(PATIENCE * 1000)]
        if self.reports in ready:
            os.read(self.reports, 1)
        return self.reports in ready

    def open(self) -> None:
        os.write(self.holder, b"!")

    def close(self) -> None:
        for descriptor in (self.reports, self.report, self.hold, self.holder):
            os.close(descriptor)


class Process:
    """A command under way."""

    def __init__(
        self, words: Sequence[str], observer: Observer | None = None, before: Callable[[], object] | None = None
    ) -> None:
        """`before` is called in the process, when its streams are there and minirun has not begun."""
        command = next(word for word in words if not word.startswith("-"))
        self.output, self.errors = (WRITTEN / f"{command}-{name}" for name in ("output", "errors"))
        self.pid = os.fork()
        if self.pid == 0:
            perform(words, (self.output, self.errors), observer, before)
        OWN.add(self.pid)
        self.pidfd = os.pidfd_open(self.pid)

    def container(self) -> int:
        """The pid of the youngest process below it, 0 where there is none: while the container is set up, its."""
        pid, below = 0, children(self.pid)
        while below:
            pid, below = below[-1], children(below[-1])
        # A helper may have ended while we looked; what it has forked is the runtime's child by now.
        return pid if not pid or is_alive(pid) else next(filter(is_alive, reversed(children(self.pid))), 0)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def has_ended(self) -> bool:
        """Orphans are reaped meanwhile: a container's first process can't end as long as one of its others is there."""
        orphans()
        return bool(select.select([self.pidfd], [], [], 0.01)[0])

    def end(self) -> Result:
        """Wait for the end; who hangs is ended."""
        hung = not eventually(self.has_ended, PATIENCE)
        if hung:
            self.kill()
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        OWN.remove(self.pid)
        os.close(self.pidfd)
        code = -1 if hung else status if status >= 0 else 128 - status
        return Result(code, read(self.output), read(self.errors))


def perform(
    words: Sequence[str],
    streams: tuple[Path, Path],
    observer: Observer | None,
    before: Callable[[], object] | None,
) -> None:
    """The process itself. Never returns."""
    status = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        open_streams(*streams)
        put_in(observer)
        if before:
            before()
        status = start(list(words))
        sys.stdout.flush()
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def become_program(words: Sequence[str]) -> None:
    """The same as its user starts it, with its Python. Never returns."""
    os.execv(MINIRUN[0], [*MINIRUN, *words])


def open_streams(output: Path, errors: Path) -> None:
    """Files, since a program that goes on after the command would hold the writing end of a pipe."""
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    for number, path in ((1, output), (2, errors)):
        path.unlink(missing_ok=True)
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), number)
    sys.stdout, sys.stderr = (open(number, "w", closefd=False) for number in (1, 2))


def put_in(observer: Observer | None) -> None:
    seal.seal = lambda arguments, tell: None
    watched = actions.watched

    def watched_by_us(values: object) -> object:
        log = watched(values)  # type: ignore[arg-type]
        log.observer = observer or log.observer
        return log

    actions.watched = watched_by_us  # type: ignore[assignment]


def read(path: Path) -> str:
    return path.read_text(errors="backslashreplace") if path.exists() else ""


def import_all() -> None:
    """Each command would else begin with it."""
    for name in ("jeepney", "pyroute2", "difflib", "pwd"):
        importlib.import_module(name)
    for module in pkgutil.walk_packages(package.__path__, "minirun."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    gc.collect()
    gc.freeze()  # so that a fork writes to none of that


def minirun(*words: str, observer: Observer | None = None) -> Result:
    """A command to its end."""
    return Process(words, observer).end()


def eventually(happens: Callable[[], bool], patience: float = 2.0) -> bool:
    """The kernel ends processes and empties cgroups in its own time."""
    deadline = time.monotonic() + patience
    while not (happened := happens()) and time.monotonic() < deadline:
        time.sleep(0.001)
    return happened
