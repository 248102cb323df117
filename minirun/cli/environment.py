"""What the caller's environment says to a runtime: sockets that wait for it (sd_listen_fds(3)), and a socket that waits
for news of it (sd_notify(3)). systemd starts its services so."""

from __future__ import annotations

import os

from ..errors import StateError


def listeners() -> tuple[int, str]:
    """How many sockets were handed to this process, as descriptors 3, 4 and so on, and their names. Raises StateError.

    LISTEN_PID says whom they are meant for: a variable that a parent left behind stands for nothing.
    """
    told = os.environ.get("LISTEN_FDS", "")
    if not told or os.environ.get("LISTEN_PID") != str(os.getpid()):
        return 0, ""
    if not (told.isascii() and told.isdigit() and len(told) < 20):
        raise StateError(f"LISTEN_FDS is no number: {told!r}\n  allowed: how many descriptors, sd_listen_fds(3)")
    return int(told), os.environ.get("LISTEN_FDNAMES", "")


def notify_socket() -> str:
    """Where the caller wants to hear that the container is ready; "" for nowhere. Raises StateError."""
    told = os.environ.get("NOTIFY_SOCKET", "")
    if told and told[0] not in "/@":
        raise StateError(f"NOTIFY_SOCKET is {told!r}\n  allowed: a path, or @ and an abstract address: sd_notify(3)")
    return told
