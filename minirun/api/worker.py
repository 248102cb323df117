"""The other process: minirun beside a program that uses it as a library. api/process.py starts it.

    caller                                           worker                   the container's process
      │ ── what to do, as one JSON object ───────────►│
      │ ◄─────────── {"debug": …}, {"warning": …} ────│  what the command line would say on stderr
      │ ◄──────────────────────── {"ready": pid} ─────│ ─── it runs, or waits for start ───►│
      │                                               │     stays, and learns its exit status
      │ ◄────────── {"status": …}, and as its own ────│ ◄────────────── end ────────────────│
      │ ◄──────── or {"error": …}, and nothing is left│

Descriptors 0, 1 and 2 are the program's alone: not a word of minirun's goes there. All else is as on the command line,
since this is the same process that `minirun run` is.
"""

from __future__ import annotations

import os

from .. import operations, quick_json
from ..errors import MinirunError, unexpected
from ..safe import safe_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..runtime.log import Log
    from ..runtime.run import Ready

    Request = dict[str, Any]

WORKER = "--worker"  # the first word of its command line
TEMPLATE = "template"  # in the place of an operation: to fork workers (api/template.py)
SEALED = ("run", "execute", TEMPLATE)  # where a program of the container's gets near this one (runtime/seal.py)


def work(words: list[str]) -> int:
    """The words are --worker, the operation, and the descriptor of the socket to the caller; the exit status."""
    operation, descriptor = words[1], int(words[2])
    try:
        if operation in SEALED:
            from ..runtime.seal import seal

            seal(words)  # before anything else is imported: here the program may start again
    except MinirunError as error:
        return fail(descriptor, error)
    os.set_inheritable(descriptor, False)  # it is for no hook, and no program
    if operation == TEMPLATE:
        from .template import serve

        return serve(descriptor, begin_forked)
    return attend(operation, descriptor)


def begin_forked(operation: str, descriptors: tuple[int, ...]) -> int:
    """In a worker that the template has forked: take what the caller has sent along, and do what it asks for; the exit
    status."""
    import fcntl

    talk, directory, stdin, stdout, stderr, *passed = descriptors
    try:
        os.fchdir(directory)
        for number, stream in enumerate((stdin, stdout, stderr)):
            os.dup2(stream, number)
        free = fcntl.fcntl(talk, fcntl.F_DUPFD_CLOEXEC, 3 + len(passed))  # the numbers before are the program's
        for received in (talk, directory, stdin, stdout, stderr):
            os.close(received)
    except OSError as error:  # the streams are the caller's by now
        return fail(talk, MinirunError(unexpected(error)))
    return attend(operation, free, passed)


def attend(operation: str, descriptor: int, descriptors: list[int] | None = None) -> int:
    """Do what the caller wants, and tell it how that ended; the exit status. `descriptors` are those for the program,
    where they don't have the caller's numbers."""
    try:
        status = do(operation, descriptor, descriptors)
        tell(descriptor, "status", status)  # wait(2) has none for a caller that ignores SIGCHLD
        return status
    except MinirunError as error:
        return fail(descriptor, error)
    except Exception as error:
        return fail(descriptor, MinirunError(unexpected(error)))


def fail(descriptor: int, error: MinirunError) -> int:
    tell(descriptor, "error", {"kind": type(error).__name__, **error.to_json()})
    return 1


def do(operation: str, descriptor: int, descriptors: list[int] | None) -> int:
    """Read what the caller wants, and do it."""
    from ..runtime.log import Log

    class Report(Log):
        """What is told on the way, to the caller instead of stderr."""

        def write(self, level: str, message: str) -> None:
            tell(descriptor, level, safe_lines(message))

    def ready(pid: int) -> None:
        tell(descriptor, "ready", pid)

    request = quick_json.loads(read_all(descriptor))
    log = Report(level="debug" if request.pop("debug") else "warning")
    take_environment(request.pop("environment"))
    theirs = request.pop("descriptors")
    arrange(theirs if descriptors is None else descriptors)
    return OPERATIONS[operation](request, log, ready)


def take_environment(variables: dict[str, str]) -> None:
    """The caller's as it is now, where this process was forked from a template that is older."""
    os.environ.clear()
    os.environ.update(variables)


def read_all(descriptor: int) -> bytes:
    """Until the caller has shut down its side of the socket (shutdown(2))."""
    return b"".join(iter(lambda: os.read(descriptor, 1 << 16), b""))


def arrange(descriptors: list[int]) -> None:
    """The program's, from 3 on: there `preserve_fds` looks for them. First all go out of each other's way. One may be
    wanted twice, and what is also a standard stream stays that."""
    import fcntl

    end = 3 + len(descriptors)
    held = [fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, end) for descriptor in descriptors]
    for descriptor in {*descriptors} - {0, 1, 2}:
        os.close(descriptor)
    for number, descriptor in enumerate(held, 3):
        os.dup2(descriptor, number)
        os.close(descriptor)


def tell(descriptor: int, kind: str, value: object) -> None:
    """One line of JSON in one write(2), so that the lines of two processes don't mix."""
    try:
        os.write(descriptor, quick_json.dumps({kind: value}).encode() + b"\n")
    except OSError:
        pass  # the caller is gone; the container is not its only trace, `minirun list` shows it


# ---- the operations that are done here


def run_bundle(request: Request, log: Log, ready: Ready) -> int:
    from ..plan.options import Options

    options = Options(**request["options"])
    return operations.run_bundle(options, log, config=request["config"].encode(), keep=request["keep"], ready=ready)


def start(request: Request, log: Log, _ready: Ready) -> int:
    operations.start(request["root"], request["id"], log)
    return 0


def execute(request: Request, log: Log, ready: Ready) -> int:
    from ..plan.exec import ExecOptions
    from ..runtime.exec import Wishes

    wishes = Wishes(**{name: as_field(value) for name, value in request["wishes"].items()})
    options = ExecOptions(**request["options"])
    paused = request["ignore_paused"]
    return operations.execute(request["root"], request["id"], wishes, options, log, ignore_paused=paused, ready=ready)


def as_field(value: Any) -> Any:
    """JSON has arrays where records have tuples."""
    return tuple(value) if isinstance(value, list) else value


def update(request: Request, log: Log, _ready: Ready) -> int:
    operations.update(request["root"], request["id"], request["change"], log)
    return 0


def delete(request: Request, log: Log, _ready: Ready) -> int:
    operations.delete(request["root"], request["id"], log, force=request["force"])
    return 0


OPERATIONS = {"run": run_bundle, "start": start, "execute": execute, "update": update, "delete": delete}
