"""The caller's side of api/worker.py: a process of minirun's own, its streams, and what it tells.

Why a process: a program that uses minirun as a library may have threads, and fork(2) copies one of them, with the locks
of all; it has signal handlers and a umask, which minirun would change; and what is forked from it would bring all that
it holds within the container's reach (CVE-2019-5736). subprocess starts another program safely, whatever goes on here;
of that, warm.py has the later ones forked.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import time
from typing import IO, TYPE_CHECKING, Any, TypedDict

from ..errors import KINDS, MinirunError
from .warm import Worker

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self, Unpack

LOGGER = logging.getLogger("minirun")
CODEC = ("utf-8", "surrogateescape")


class Streams(TypedDict, total=False):
    """As subprocess.Popen takes them."""

    stdin: int | IO[Any] | None
    stdout: int | IO[Any] | None
    stderr: int | IO[Any] | None
    text: bool
    encoding: str
    errors: str


class Process:
    """A program in a container, much as subprocess.Popen has it: `stdin`, `stdout`, `stderr`, wait() and communicate().

    `pid` is the program's as the host sees it, or 0 for an operation without one. The exit status is 128 + N where
    signal N has ended the program.
    """

    def __init__(
        self,
        operation: str,
        request: Mapping[str, Any],
        *,
        args: Sequence[str] = (),
        in_foreground: bool = False,
        pass_fds: Sequence[int] = (),
        **streams: Unpack[Streams],
    ) -> None:
        """Only one `in_foreground` hears what is typed at the caller's terminal, Ctrl-C too; what becomes of the others
        is the caller's decision. The program finds the descriptors of `pass_fds` from 3 on, in that order."""
        self.operation, self.pid, self.pidfd = operation, 0, -1
        self.status: int | None = None  # by its own word: wait(2) has none where SIGCHLD is ignored
        self.is_group = not in_foreground
        self.socket, its = socket.socketpair()
        try:
            self.popen = Worker(operation, its, in_foreground=in_foreground, passed=pass_fds, streams=streams)
        except BaseException:  # what subprocess has against the streams
            self.socket.close()
            raise
        finally:
            its.close()
        self.popen.args = list(args)  # what the errors of subprocess show
        self.letters = Letters(self.socket)
        self.request = {
            **request,
            "debug": LOGGER.isEnabledFor(logging.DEBUG),
            "descriptors": list(pass_fds),
            "environment": environment(),
        }

    def begin(self) -> Self:
        """Returns when the program runs. Raises MinirunError, and then nothing is left of it."""
        try:
            self.ask()
            self.listen()
        except MinirunError:
            self.close()
            raise
        except BaseException:  # Ctrl-C
            if self.operation == "delete":
                self.close()  # half of it would be worse than all of it
            else:
                self.abandon()
            raise
        return self

    # ---- like subprocess.Popen

    @property
    def stdin(self) -> IO[Any] | None:
        return self.popen.stdin

    @property
    def stdout(self) -> IO[Any] | None:
        return self.popen.stdout

    @property
    def stderr(self) -> IO[Any] | None:
        return self.popen.stderr

    @property
    def args(self) -> Any:
        return self.popen.args

    @property
    def returncode(self) -> int | None:
        """The exit status; None before poll(), wait() or communicate() has seen the end."""
        return self.popen.returncode if self.status is None else self.status

    def poll(self) -> int | None:
        """The exit status if the program has ended."""
        return None if self.popen.poll() is None else self.wait()

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; the exit status. Raises subprocess.TimeoutExpired."""
        status = self.popen.wait(timeout)
        self.finish()
        return status if self.status is None else self.status

    def communicate(self, input: Any = None, timeout: float | None = None) -> tuple[Any, Any]:
        """Send input, and read stdout and stderr to their ends. Raises subprocess.TimeoutExpired."""
        written = self.popen.communicate(input, timeout)
        self.finish()
        return written

    def send_signal(self, number: int) -> None:
        """To the program. One that has ended gets none."""
        if self.pidfd >= 0:
            try:
                signal.pidfd_send_signal(self.pidfd, number)
            except ProcessLookupError:
                pass

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        """Close the streams, and wait for the end; where there was an exception, make it."""
        if kind is not None:
            self.kill()
        self.close()

    def close(self) -> None:
        """Close the streams, and wait for the end."""
        with self.popen:
            pass
        self.finish()

    # ---- the talk with the worker

    def ask(self) -> None:
        try:
            self.socket.sendall(json.dumps(self.request).encode())
            self.socket.shutdown(socket.SHUT_WR)
        except ConnectionError:
            pass  # it can't do it, and its answer says why

    def listen(self) -> None:
        """Until the program runs, or the operation is over. Raises the error that it ended with."""
        if self.learn_pid():
            return
        if self.wait() != 0 or self.status is None:
            raise MinirunError(f"minirun itself ended without a word, with exit status {self.returncode}")

    def learn_pid(self, *, wait: bool = True) -> bool:
        """Take what the worker has told; whether the program's pid was in it. Raises the error that was."""
        while line := self.letters.next(wait):
            [(kind, value)] = json.loads(line).items()
            if kind == "ready":
                self.pid, self.pidfd = value, open_process(value)
                return True
            if kind == "error":
                raise KINDS[value.pop("kind")].from_json(value)
            if kind == "status":
                self.status = value
                continue
            LOGGER.log(logging.getLevelName(kind.upper()), "%s", value)
        return False

    def finish(self) -> None:
        """The worker has ended. Take its last words, which may be an error, and close what belonged to the talk."""
        try:
            self.learn_pid(wait=False)
        finally:
            self.socket.close()
            if self.pidfd >= 0:
                os.close(self.pidfd)
                self.pidfd = -1

    def abandon(self) -> None:
        """End it, however far it has come: while it sets up, SIGTERM makes it take everything back."""
        if self.popen.poll() is None and self.is_group:
            os.killpg(self.popen.pid, signal.SIGTERM)  # a hook, too, as Ctrl-C at a terminal would
        else:
            self.popen.terminate()
        with contextlib.suppress(MinirunError):
            while self.popen.poll() is None:
                self.learn_pid(wait=False)
                self.kill()
                time.sleep(0.01)
        with contextlib.suppress(MinirunError):
            self.close()


class Letters:
    """Lines from a socket."""

    def __init__(self, end: socket.socket) -> None:
        self.end, self.rest = end, b""

    def next(self, wait: bool) -> bytes:
        """The next line; b"" when there will be none, or, unless it is to `wait`, when there is none yet."""
        while b"\n" not in self.rest:
            try:
                received = self.end.recv(1 << 16, 0 if wait else socket.MSG_DONTWAIT)
            except OSError:  # nothing yet, or closed
                return b""
            if not received:
                return b""
            self.rest += received
        line, _, self.rest = self.rest.partition(b"\n")
        return line


def environment() -> dict[str, str]:
    """This process's, as Python reads it that has UTF-8 for its encoding (runtime/again.py)."""
    return {name.decode(*CODEC): value.decode(*CODEC) for name, value in os.environb.items() if name}


def open_process(pid: int) -> int:
    """A pidfd, -1 if the process has ended already."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return -1


def call(operation: str, **request: Any) -> None:
    """An operation that is no program: it is over when this returns. Raises MinirunError."""
    null = subprocess.DEVNULL
    Process(operation, request, stdin=null, stdout=null, stderr=null).begin().close()
