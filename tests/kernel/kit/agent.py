"""A program that decides about system calls of a container (seccomp_unotify(2)), and the test's side of it.

    python agent.py PATH VALUE ERROR FLAGS

It listens at PATH, takes one listener, and answers every call alike until its standard input ends. Then it tells what
it saw as a JSON array: the message, the number of descriptors, whether the runtime closed the connection, and the pid
and number of each call.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import select
import socket
import struct
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# linux/seccomp.h
SECCOMP_IOCTL_NOTIF_RECV, SECCOMP_IOCTL_NOTIF_SEND = 0xC0502100, 0xC0182101
NOTIF = struct.Struct("=QIIiIQ6Q")  # id, pid, flags; number, architecture, instruction pointer, arguments
RESPONSE = struct.Struct("=QqiI")  # id, value, error, flags
# Let the kernel do the call. For a test only: what a pointer leads to may have changed meanwhile.
CONTINUE = (0, 0, 1)


class Agent:
    """What was seen, once the block of `agent` has ended."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.message: dict[str, Any] = {}
        self.descriptors = 0
        self.is_closed = False
        self.calls: list[list[int]] = []


@contextlib.contextmanager
def agent(path: Path, answer: tuple[int, int, int] = CONTINUE) -> Iterator[Agent]:
    words = [sys.executable, __file__, str(path), *map(str, answer)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "ready\n"
        made = Agent(process)
        try:
            yield made
        finally:
            said, _ = process.communicate(timeout=20)
            if said:
                made.message, made.descriptors, made.is_closed, made.calls = json.loads(said)


# ---- the program


def take(connection: socket.socket) -> tuple[object, list[int], bool]:
    """The message, the descriptors, and whether the other side has closed the connection after them."""
    said, descriptors, _, _ = socket.recv_fds(connection, 1 << 16, 8)
    is_readable = select.select([connection], [], [], 1)[0]
    return json.loads(said), descriptors, bool(is_readable) and connection.recv(1) == b""


def answer_one(listener: int, answer: tuple[int, ...]) -> tuple[int, int]:
    asked = ctypes.create_string_buffer(NOTIF.size)
    fcntl.ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, asked)
    identity, pid, _flags, number, *_ = NOTIF.unpack(asked.raw)
    with contextlib.suppress(OSError):  # ENOENT: the process has ended meanwhile
        fcntl.ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, RESPONSE.pack(identity, *answer))
    return pid, number


def main() -> None:
    path, *answer = sys.argv[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        directory, _, name = path.rpartition("/")
        os.chdir(directory)  # an address has no more than 108 bytes
        server.bind(name)
        server.listen()
        print("ready", flush=True)
        if server not in select.select([server, sys.stdin], [], [])[0]:
            return
        connection, _ = server.accept()
        with connection:
            message, descriptors, is_closed = take(connection)
    calls = answer_all(descriptors[0], tuple(map(int, answer)))
    print(json.dumps([message, len(descriptors), is_closed, calls]))


def answer_all(listener: int, answer: tuple[int, ...]) -> list[tuple[int, int]]:
    """Until standard input ends. Only POLLIN says that a call waits; after POLLHUP nobody is left who could make one,
    and to ask for one would wait forever (Linux 6.1)."""
    calls = []
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    poll.register(sys.stdin, select.POLLIN)
    while True:
        ready = dict(poll.poll())
        if ready.get(listener, 0) & select.POLLIN:
            with contextlib.suppress(OSError):
                calls.append(answer_one(listener, answer))
        elif listener in ready:
            poll.unregister(listener)
        elif ready:
            return calls


if __name__ == "__main__":
    main()
