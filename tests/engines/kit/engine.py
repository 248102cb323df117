"""What all engines have in common: commands with an expected status, and what they say on standard error."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from typing import TYPE_CHECKING, NamedTuple

from kernel.kit.runtime import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from engines.kit.sides import Runtime

# What differs from call to call, and from runtime to runtime, in a line that is otherwise the same.
VARYING = (
    (re.compile(r'^time="[^"]*" '), ""),
    (re.compile(r"\b(?:[0-9a-f]{12,64}|[0-9a-z]{25})\b"), "ID"),  # 25: of a swarm
    (re.compile(r"/[^ :\"]*/(?:crun|runc|minirun)\b"), "RUNTIME"),
    (re.compile(r"\b(?:crun|runc|minirun)\b"), "RUNTIME"),
    (re.compile(r"(OCI runtime \w+ failed): .*"), r"\1"),  # its own words
    (re.compile(r"did not terminate successfully: exit status \d+: .*"), "did not terminate successfully"),
    (re.compile(r"\d+"), "N"),
)


class Done(NamedTuple):
    status: int
    out: str  # without the newline at its end
    err: str


class Engine:
    """One engine on one runtime. A subclass says which words start its client, and how to be rid of what it left.

    `said` are the lines that a person would have seen on standard error, or found in a daemon's log: those of commands
    that went well, and of those that failed, all but the last one, which is the error itself. What is in there for
    minirun and not for the reference is a defect (conftest.py).
    """

    name: str  # such as "Podman, root, systemd": the column of docs/engines.md
    runtime: Runtime
    version: str

    def __init__(self) -> None:
        self.said: list[str] = []
        self.commands: list[tuple[str, ...]] = []

    def client(self) -> Sequence[str]:
        raise NotImplementedError

    def environment(self) -> Mapping[str, str]:
        raise NotImplementedError

    def clean_up(self) -> None:
        """Removes all containers, pods and so on, so that the next test finds nothing."""

    def __call__(self, *words: str, status: int = 0, stdin: str = "", limit: float = 30) -> Done:
        """One command, which has to end with `status` within `limit` seconds of a quick machine."""
        self.commands.append(words)
        done = self.run([*self.client(), *words], stdin, limit)
        assert done.status == status, f"{words} ended with {done.status}, not {status}\n{done.out}\n{done.err}"
        return done

    def run(self, argv: Sequence[str], stdin: str = "", limit: float = 30) -> Done:
        """Any command beside the engine's client; what it says is heard as well."""
        ended = subprocess.run(
            argv,
            env=self.environment(),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=limit * PATIENCE,
        )
        self.hear(ended.stderr, failed=ended.returncode != 0)
        return Done(ended.returncode, ended.stdout.rstrip("\n"), ended.stderr.rstrip("\n"))

    def spawn(self, *words: str) -> subprocess.Popen[str]:
        """A command that goes on beside the test."""
        self.commands.append(words)
        return subprocess.Popen(
            [*self.client(), *words],
            env=self.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def typing(self, *words: str, rows: int = 24, columns: int = 80) -> Typist:
        """A command on a terminal of this size, beside the test."""
        self.commands.append(words)
        return Typist([*self.client(), *words], self.environment(), rows, columns)

    def hear(self, errors: str, *, failed: bool = False) -> None:
        lines = errors.splitlines()
        self.said += lines[:-1] if failed else lines

    def warnings(self) -> set[str]:
        """What was said, without what is never the same twice."""
        return {normal(line) for line in self.said if line.strip()}


class Typist:
    """Somebody at a terminal, who waits for what is written there before typing."""

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str], rows: int, columns: int) -> None:
        self.terminal, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *argv], env=environment, stdin=inner, stdout=inner, stderr=inner
        )
        os.close(inner)
        self.seen = ""

    def sees(self, text: str, limit: float = 30) -> None:
        deadline = time.monotonic() + limit * PATIENCE
        while text not in self.seen:
            ready = select.select([self.terminal], [], [], max(0.0, deadline - time.monotonic()))[0]
            assert ready, f"{text!r} never came, but {self.seen!r}"
            self.seen += os.read(self.terminal, 4096).decode(errors="replace")

    def types(self, text: str) -> None:
        os.write(self.terminal, text.encode())

    def status(self, limit: float = 30) -> int:
        ended = self.process.wait(limit * PATIENCE)
        os.close(self.terminal)
        return ended


def normal(line: str) -> str:
    for pattern, word in VARYING:
        line = pattern.sub(word, line)
    return line


def wait_until(true: Callable[[], object], what: str, limit: float = 20) -> None:
    deadline = time.monotonic() + limit * PATIENCE
    while not true():
        assert time.monotonic() < deadline, f"never came: {what}"
        time.sleep(0.1)
