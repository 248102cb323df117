"""A runtime, known by its command line only.

The spec leaves the command line open (glossary.md#runtime-caller). What engines rely on is runc's, so that is what a
runtime is driven by here: RUNTIME run --bundle DIR ID, which is create, start, a wait and delete in one; and these
one by one (life.py), as RUNTIME create --bundle DIR ID, start ID, state ID, kill ID SIGNAL, delete ID.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import pty
import re
import select
import shlex
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .suite import Broken

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TIME_LIMIT = 30.0
PREFIX = f"conformance-{os.getpid()}"
NUMBERS = itertools.count(1)
# A name that no runtime hands on to a container of its own accord.
MARKER = "CONFORMANCE_OF_THE_CALLER"


class Result:
    """What a run left: the exit status as a shell counts it, and what was written."""

    def __init__(self, status: int, stdout: str, stderr: str) -> None:
        self.status = status if status >= 0 else 128 - status
        self.stdout, self.stderr = stdout, stderr

    @property
    def last_words(self) -> str:
        lines = [line for line in self.stderr.strip().splitlines() if line.strip()]
        return " / ".join(line.strip() for line in lines[-6:])[:600] or "nothing on standard error"


class Runtime:
    def __init__(self, words: str) -> None:
        """`words` is a name, a path, a whole command, or NAME=COMMAND."""
        name, equals, command = words.partition("=")
        if not equals or not re.fullmatch(r"[\w.]+", name):
            name, command = "", words
        self.argv = shlex.split(command)
        self.name = name or os.path.basename(self.argv[0])
        self.has_cgroups = "--cgroup-manager=disabled" not in self.argv
        self.version = ""
        self.memory: dict[str, Any] = {}  # what cases share that look at one and the same run

    def find(self) -> str:
        """Asks for the version; the answer is what is wrong with the runtime, or nothing."""
        if shutil.which(self.argv[0]) is None:
            return f"there is no program {self.argv[0]}"
        told = subprocess.run([*self.argv, "--version"], capture_output=True, text=True, timeout=TIME_LIMIT)
        found = re.search(r"\d+\.\d+(\.\d+)?", told.stdout)
        self.version = found.group() if found else ""
        return "" if found else f"it does not tell its version: {told.stdout}{told.stderr}"

    @property
    def title(self) -> str:
        return f"{self.name} {self.version}"

    def command(self, bundle: Path, container_id: str) -> list[str]:
        return [*self.argv, "run", "--bundle", str(bundle), container_id]

    def run(self, bundle: Path, container_id: str, *, stdin: str = "", **more: Any) -> Result:
        """Runs a bundle to its end. `more` goes to subprocess."""
        process = self.start(bundle, container_id, **more)
        with ended(process):
            try:
                stdout, stderr = process.communicate(stdin, TIME_LIMIT)
            except subprocess.TimeoutExpired:
                raise Broken(f"the runtime did not end within {TIME_LIMIT:.0f} seconds") from None
        return Result(process.returncode, stdout, stderr)

    def start(self, bundle: Path, container_id: str, **more: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(bundle, container_id),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="surrogateescape",
            env=os.environ | {MARKER: "1"},
            **more,
        )

    def operate(self, words: Sequence[str], stdout: Path, stderr: Path, **more: Any) -> Result:
        """One command to its end: RUNTIME WORDS.

        It writes to files, since what `create` starts keeps its streams open: at a pipe's end one would wait forever.
        """
        with stdout.open("ab") as output, stderr.open("ab") as errors:
            begin, errors_begin = output.tell(), errors.tell()
            command, environment = [*self.argv, *words], os.environ | {MARKER: "1"}
            streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": errors}
            try:
                done = subprocess.run(command, env=environment, timeout=TIME_LIMIT, **streams, **more)
            except subprocess.TimeoutExpired:
                raise Broken(f"`{words[0]}` did not end within {TIME_LIMIT:.0f} seconds") from None
        return Result(done.returncode, text_from(stdout, begin), text_from(stderr, errors_begin))

    def run_at_terminal(self, bundle: Path, container_id: str) -> str:
        """Runs a bundle to its end with a terminal of its own; what was on the screen."""
        keyboard, terminal = pty.openpty()
        process = subprocess.Popen(
            self.command(bundle, container_id),
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        )
        os.close(terminal)
        try:
            with ended(process):
                return read_screen(keyboard).replace("\r\n", "\n")
        finally:
            os.close(keyboard)

    def delete_leftovers(self, container_id: str) -> None:
        """After a run that had to be ended from outside."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(
                [*self.argv, "delete", "--force", container_id], capture_output=True, timeout=TIME_LIMIT, check=False
            )


def new_id() -> str:
    return f"{PREFIX}-{next(NUMBERS)}"


def text_from(file: Path, begin: int) -> str:
    return file.read_bytes()[begin:].decode(errors="surrogateescape")


def read_screen(keyboard: int) -> str:
    """All that is written until nobody has the terminal open any more."""
    seen, deadline = b"", time.monotonic() + TIME_LIMIT
    while (left := deadline - time.monotonic()) > 0 and select.select([keyboard], [], [], left)[0]:
        try:
            written = os.read(keyboard, 65536)
        except OSError:  # EIO: that is how the other side's end is told, pty(7)
            return seen.decode(errors="surrogateescape")
        seen += written
    raise Broken(f"the runtime did not let go of the terminal within {TIME_LIMIT:.0f} seconds")


def read_line(process: subprocess.Popen[str]) -> str:
    """The program's next line. Byte by byte past Python's buffers, which can't be given a time limit."""
    assert process.stdout is not None
    descriptor, said, deadline = process.stdout.fileno(), b"", time.monotonic() + TIME_LIMIT
    while not said.endswith(b"\n"):
        if not select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise Broken(f"the program wrote no line within {TIME_LIMIT:.0f} seconds")
        byte = os.read(descriptor, 1)
        if not byte:
            break
        said += byte
    return said.decode().rstrip("\n")


@contextlib.contextmanager
def ended(process: subprocess.Popen[Any]) -> Iterator[None]:
    """Leaves nothing of `process` behind: first its descendants, so that the runtime can still tidy up after them."""
    try:
        yield
    finally:
        # A runtime that ends by itself within a moment is not disturbed.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0 if descendants(process.pid) else 1)
        if process.poll() is None:
            kill(reversed(descendants(process.pid)))
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
            process.kill()
            process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


def kill(pids: Sequence[int] | Iterator[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def descendants(pid: int) -> list[int]:
    parents = {int(entry): parent_of(int(entry)) for entry in os.listdir("/proc") if entry.isdigit()}
    found, new = [], [pid]
    while new:
        new = [child for child, parent in parents.items() if parent in new]
        found += new
    return found


def parent_of(pid: int) -> int | None:
    fields = stat_fields(pid)
    return int(fields[1]) if fields else None


def has_ended(pid: int) -> bool:
    """A zombie has, though its parent has not asked yet."""
    fields = stat_fields(pid)
    return not fields or fields[0] in "ZX"


def stat_fields(pid: int) -> list[str]:
    """proc_pid_stat(5) from the state on; nothing if there is no such process."""
    try:
        # The name stands in brackets and may hold anything, brackets too.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
