"""The caller's side of api/template.py: a worker as subprocess.Popen has it, forked from a template instead of started.

Everything here may fail: the template may have been killed, its start may be refused, this Python's subprocess may be
another than the known ones. Then subprocess starts the worker, as if there were no template, and what there is to be
told, the worker tells.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

from ..kernel.sockets import DESCRIPTORS_AT_MOST, MessageSocket, is_inherited
from ..runtime.again import FLAGS, MAIN
from .template import birth, own_traits
from .worker import TEMPLATE, WORKER

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator, Sequence

    from .process import Streams

# Of subprocess.Popen, in Python 3.11 to 3.13: the method that starts the child, and its arguments that are descriptors.
START = getattr(subprocess.Popen, "_execute_child", None)
PIPES = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
ARGUMENTS = START.__code__.co_varnames[1 : START.__code__.co_argcount] if START else ()
IS_KNOWN = {*PIPES} <= {*ARGUMENTS} and hasattr(subprocess.Popen, "_close_pipe_fds")
PATIENCE = 5.0  # seconds for a template to end by itself
STREAMS = ("p2cread", "c2pwrite", "errwrite")  # of these, what the child has as 0, 1 and 2; -1 for the caller's own


class Worker(subprocess.Popen[Any]):
    """A child of this process, either way. The pipes to it, waiting for it and all else are Popen's."""

    def __init__(
        self, operation: str, its: socket.socket, *, in_foreground: bool, passed: Sequence[int], streams: Streams
    ) -> None:
        """`its` is the worker's end of the talk. It gets a number that is no standard stream's, even if the caller has
        closed those, and none at which the program's descriptors will be."""
        self.operation, self.passed, self.in_foreground = operation, passed, in_foreground
        self.talk = fcntl.fcntl(its, fcntl.F_DUPFD_CLOEXEC, 3 + len(passed))
        group = None if in_foreground else 0
        try:
            super().__init__(words(operation, self.talk), pass_fds=[self.talk, *passed], process_group=group, **streams)
        finally:
            os.close(self.talk)

    def _execute_child(self, *arguments: Any) -> None:
        """What Popen calls when the pipes are there, to start the child and to close their other ends."""
        given = dict(zip(ARGUMENTS, arguments))
        if self.in_foreground or not IS_KNOWN or not self.is_forked(given):
            super()._execute_child(*arguments)  # type: ignore[misc]
            return
        with contextlib.suppress(ProcessLookupError):  # it has ended, and SIGCHLD is ignored
            os.setpgid(self.pid, self.pid)
        self._close_pipe_fds(*(given[name] for name in PIPES))  # type: ignore[attr-defined]

    def is_forked(self, given: dict[str, int]) -> bool:
        """Have the template fork it, if that can be done."""
        streams = [number if given[name] < 0 else given[name] for number, name in enumerate(STREAMS)]
        if not all(given[name] >= 0 or is_inherited(number) for number, name in enumerate(STREAMS)):
            return False  # a stream that the caller has closed, and whose number is another file's by now
        passed = [streams[number] if number < len(streams) else number for number in self.passed]
        try:
            for descriptor in passed:
                os.fstat(descriptor)  # one that is closed is none of the template's faults
            with current_directory() as directory, template.lock:
                self.take((self.talk, directory, *streams, *passed))
        except OSError:
            return False
        return self._child_created

    def take(self, descriptors: tuple[int, ...]) -> None:
        """Learn its pid. An exception of a signal handler's may come at any time, so the answer stays in the socket
        until Popen knows of the child, and will collect it."""
        try:
            self.pid = template.fork(self.operation, descriptors)
            self._child_created = self.pid > 0
            template.forget_answer()
        except BaseException:
            template.take_back()
            raise


class Template:
    """The process that forks them, or none. All threads share it, one after the other."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.forget()

    def forget(self) -> None:
        self.end: MessageSocket | None = None
        self.process: subprocess.Popen[Any] | None = None
        self.refused = ""  # what this process was when even a new template would not fork

    def fork(self, operation: str, descriptors: tuple[int, ...]) -> int:
        """A worker's pid, by a new template if need be; 0 where there can't be one. Raises OSError."""
        if len(descriptors) > DESCRIPTORS_AT_MOST:
            return 0
        wish = f"{operation} {threading.get_native_id()} {own_traits()}"
        return self.ask(wish, descriptors) or self.ask_another(wish, descriptors)

    def ask_another(self, wish: str, descriptors: tuple[int, ...]) -> int:
        """What keeps one from forking keeps all from it, until this process is another; that is not tried each time."""
        born = birth("/proc/thread-self", own_traits())
        if born == self.refused:
            return 0
        self.begin(born)
        pid = self.ask(wish, descriptors)
        self.refused = "" if pid else born
        return pid

    def begin(self, born: str) -> None:
        """Start it, with nothing of this process open in it."""
        self.end, low = MessageSocket.pair()
        self.file = os.fstat(self.end.fileno())
        its = MessageSocket.of(fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, 3))  # the numbers before are streams'
        low.close()
        its.want_credentials()
        command, null = words(TEMPLATE, its.fileno()), subprocess.DEVNULL
        try:
            self.end.send(born.encode(errors="surrogateescape"))
            self.process = subprocess.Popen(
                command, pass_fds=[its.fileno()], process_group=0, stdin=null, stdout=null, stderr=null
            )
        finally:
            its.close()

    def ask(self, wish: str, descriptors: tuple[int, ...]) -> int:
        """The pid of the worker that it has forked; 0 where it has ended: this process is not what it was."""
        self.lose()
        if not self.end:
            return 0
        try:
            self.end.send(wish.encode(), descriptors)
            answer = self.end.peek()
        except OSError:
            answer = b""
        if not answer.isdigit():
            self.close()
            return 0
        return int(answer)

    def forget_answer(self) -> None:
        if self.end:
            self.end.receive()

    def take_back(self) -> None:
        """End it, and the worker that nobody has said a word to yet."""
        with contextlib.suppress(OSError):
            if self.end and self.process:
                self.end.hang_up()
                self.process.wait()  # then what it has said is there
                answer = self.end.peek(wait=False)
                if answer.isdigit():
                    os.kill(int(answer), signal.SIGKILL)
                    os.waitpid(int(answer), 0)
        self.close()

    def lose(self) -> None:
        """A program may close all descriptors that it does not know, as daemons do. Then the number of the socket's is
        nobody's, or another file's, which is not to be touched."""
        if self.end and not self.is_there():
            self.end.forget()
            self.end = None
            if self.process:
                self.process.kill()
                self.process.wait()
                self.process = None

    def is_there(self) -> bool:
        try:
            return self.end is not None and os.path.samestat(self.file, os.fstat(self.end.fileno()))
        except OSError:
            return False

    def close(self) -> None:
        """End it. Somebody else may hold the socket, too, so that closing it would not be enough."""
        self.lose()
        if self.end:
            with contextlib.suppress(OSError):  # it has ended by itself
                self.end.hang_up()
            self.end.close()
            self.end = None
        if self.process:
            with contextlib.suppress(subprocess.TimeoutExpired):  # somebody has stopped it
                self.process.wait(PATIENCE)
            self.process.kill()
            self.process.wait()
            self.process = None


def words(operation: str, descriptor: int) -> list[str]:
    """The command line of a worker, or of the template."""
    return [sys.executable, *FLAGS, MAIN, WORKER, operation, str(descriptor)]


@contextlib.contextmanager
def current_directory() -> Iterator[int]:
    """A descriptor of it, which is also for one that has been removed."""
    descriptor = os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def leave_to_parent() -> None:
    """In a child by fork(2): to the template it is a stranger."""
    if template.end:
        (template.end.close if template.is_there() else template.end.forget)()
    if template.process:
        template.process.returncode = 0  # no child of this process's, so nothing to wait for
    template.forget()
    template.lock.release()


template = Template()
atexit.register(template.close)
# A child that was forked while a template is being started would keep both ends of the socket from being closed.
os.register_at_fork(before=template.lock.acquire, after_in_parent=template.lock.release, after_in_child=leave_to_parent)
