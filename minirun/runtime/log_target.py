"""Where --log sends messages: a file, the journal, or the system's log. A path there is a descriptor here, which serves
until the program runs, wherever the root directory is by then."""

from __future__ import annotations

import _socket
import errno
import os
import stat
import time

from .. import quick_json
from ..errors import StateError
from ..one_line import facts, one_line, summary
from ..safe import safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Target(Protocol):
        """One write(2) of `record` to `descriptor` is one message."""

        descriptor: int

        def record(self, level: str, message: str) -> bytes: ...


JOURNAL = "/run/systemd/journal/socket"  # systemd-journald.service(8)
SYSLOG = "/dev/log"  # syslog(3)

# syslog(3), and sd-daemon(3) for the journal
PRIORITIES = {"error": 3, "warning": 4, "info": 6, "debug": 7}
LOG_DAEMON = 3


def open_target(where: str, style: str) -> Target:
    """journald:ID, syslog:ID, file:PATH or a path. Raises StateError."""
    scheme, colon, rest = where.partition(":")
    try:
        if colon and scheme == "journald":
            return Journal(rest)
        if colon and scheme == "syslog":
            return Syslog(rest)
        return LogFile(rest if colon and scheme == "file" else where, style)
    except OSError as error:
        why = "a socket, or a FIFO that nobody reads" if error.errno == errno.ENXIO else error.strerror
        raise StateError(f"can't log to {safe(where)}: {why}") from error


class LogFile:
    """Text, or one JSON object a line."""

    def __init__(self, path: str, style: str) -> None:
        self.style = style
        # Without waiting for somebody who reads a FIFO, and without getting a terminal by the way.
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        self.descriptor = os.open(path, flags, 0o644)
        if stat.S_ISBLK(os.fstat(self.descriptor).st_mode):
            raise OSError(errno.ENOTSUP, "a block device is no log")
        os.set_blocking(self.descriptor, True)

    def record(self, level: str, message: str) -> bytes:
        return record(self.style, level, message)


def record(style: str, level: str, message: str) -> bytes:
    """A line of the log. The facts of a message come last, where nobody who knows other runtimes' logs looks."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    named = {"msg": summary(message), **facts(message)} if level != "debug" else {"msg": message}
    if style == "json":
        line = quick_json.dumps({"level": level, "msg": named.pop("msg"), "time": stamp, **named})
    else:
        values = (f"{name}={quick_json.dumps(value)}" for name, value in named.items())
        line = f"time={quick_json.dumps(stamp)} level={level} {' '.join(values)}"
    return line.encode(errors="backslashreplace") + b"\n"


class Journal:
    """systemd's journal, in its own protocol: a field with line breaks has its length before it
    (https://systemd.io/JOURNAL_NATIVE_PROTOCOL)."""

    def __init__(self, identifier: str) -> None:
        self.identifier = identifier.encode(errors="backslashreplace")
        self.descriptor = connected(JOURNAL)

    def record(self, level: str, message: str) -> bytes:
        text = message.encode(errors="backslashreplace")
        fields = b"PRIORITY=%d\nSYSLOG_IDENTIFIER=%s\n" % (PRIORITIES[level], self.identifier or b"minirun")
        return fields + b"MESSAGE\n" + len(text).to_bytes(8, "little") + text + b"\n"


class Syslog:
    """The system's log, as syslog(3) writes to it: the receiver knows the host."""

    def __init__(self, identifier: str) -> None:
        self.identifier = identifier or "minirun"
        self.descriptor = connected(SYSLOG)

    def record(self, level: str, message: str) -> bytes:
        priority = LOG_DAEMON << 3 | PRIORITIES[level]
        stamp = time.strftime("%b %e %H:%M:%S")
        return f"<{priority}>{stamp} {self.identifier}[{os.getpid()}]: {one_line(message)}".encode(
            errors="backslashreplace"
        )


def connected(path: str) -> int:
    """A descriptor whose every write(2) is a datagram to the socket at `path`."""
    end = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    try:
        end.connect(path)
        return end.detach()
    finally:
        end.close()
