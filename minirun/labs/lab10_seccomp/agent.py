#!/usr/bin/env python3
"""Decides about a container's mknod(2), from outside: seccomp_unotify(2).

    python3 agent.py agent.sock

The runtime connects to agent.sock (/linux/seccomp/listenerPath in config.json), and sends a descriptor, the listener.
Each call that the filter hands over is read from it, and the container's process waits until the answer is written to
it. Three devices are harmless: those this program makes, in the container's files, which the container itself may not.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import select
import socket
import stat
import struct
import sys

# linux/seccomp.h: SECCOMP_IOCTL_NOTIF_RECV, _SEND, _ID_VALID; struct seccomp_notif and seccomp_notif_resp
RECV, SEND, ID_VALID = 0xC0502100, 0xC0182101, 0x40082102
ASKED = struct.Struct("=QIIiIQ6Q")  # id, pid, flags; number, architecture, instruction pointer, six arguments
ANSWER = struct.Struct("=QqiI")  # id, value, error, flags
# By machine: number of the call -> its name, and which of its arguments is the path (syscalls(2)).
CALLS = {
    "x86_64": {133: ("mknod", 0), 259: ("mknodat", 1)},
    "aarch64": {33: ("mknodat", 1)},
}
HARMLESS = {(1, 3): "null", (1, 5): "zero", (1, 8): "random"}  # null(4), random(4)
PATH_MAX = 4096


def main() -> None:
    path = sys.argv[1]
    if os.path.lexists(path):
        os.unlink(path)
    poll, server = select.poll(), socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()
    poll.register(server, select.POLLIN)
    print(f"waiting at {path}", flush=True)
    while True:
        for ready, event in poll.poll():
            if ready == server.fileno():
                poll.register(take_listener(server), select.POLLIN)
            elif event & select.POLLIN:
                answer_one(ready)
            else:  # POLLHUP: nobody is left who could ask
                poll.unregister(ready)
                os.close(ready)


def take_listener(server: socket.socket) -> int:
    """The runtime's message is a JSON object; the descriptor comes with it (unix(7), SCM_RIGHTS)."""
    connection, _ = server.accept()
    with connection:
        said, descriptors, _, _ = socket.recv_fds(connection, 1 << 16, 1)
    print(f"a listener for process {json.loads(said)['pid']}", flush=True)
    return descriptors[0]


def answer_one(listener: int) -> None:
    asked = bytearray(ASKED.size)
    try:
        fcntl.ioctl(listener, RECV, asked)
        identity, pid, _flags, number, _architecture, _pointer, *arguments = ASKED.unpack(asked)
        error = decide(listener, identity, pid, number, arguments)
        fcntl.ioctl(listener, SEND, ANSWER.pack(identity, 0, -error, 0))
    except OSError as failed:  # ENOENT: who asked has ended meanwhile
        print(f"no answer: {failed}", flush=True)


def decide(listener: int, identity: int, pid: int, number: int, arguments: list[int]) -> int:
    """0, or the errno that the container's process gets."""
    name, at = CALLS[os.uname().machine].get(number, ("", 0))
    if not name:
        return errno.EPERM
    path, mode, device = path_at(pid, arguments[at]), arguments[at + 1], arguments[at + 2]
    # Has it ended since, then pid may be somebody else's by now, and so may be what was read.
    fcntl.ioctl(listener, ID_VALID, struct.pack("=Q", identity))
    numbers = (os.major(device), os.minor(device))
    is_harmless = stat.S_ISCHR(mode) and numbers in HARMLESS and path.startswith("/")
    error = make(pid, path, mode, device) if is_harmless else errno.EPERM
    print(
        f"process {pid}: {name} {path} {numbers[0]}:{numbers[1]}: {os.strerror(error) if error else 'made'}", flush=True
    )
    return error


def path_at(pid: int, address: int) -> str:
    """What the argument points to, in the memory of the process that asks."""
    memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
    try:
        return os.pread(memory, PATH_MAX, address).split(b"\0")[0].decode(errors="surrogateescape")
    finally:
        os.close(memory)


def make(pid: int, path: str, mode: int, device: int) -> int:
    """By a child with the container's root directory: there a symlink leads to the container's files, not to ours."""
    child = os.fork()
    if child == 0:
        try:
            os.chroot(f"/proc/{pid}/root")
            os.chdir("/")
            os.mknod(path, mode, device)
        except OSError as failed:
            os._exit(failed.errno or errno.EIO)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    main()
