"""User-mode networking: what its programs have in common. One plays a link in the container, says when it is ready, and
has something to say when it can't be."""

from __future__ import annotations

import os
from hashlib import sha256

from .operation import NetworkRefused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .networks import Network

LINK = "eth0"
PATIENCE = 30  # seconds
TAKEN = "another program may listen there (ss -lntup), or the port be root's (below 1024)"
CURES = {
    b"/dev/net/tun": "chmod 666 /dev/net/tun, as root: who may do something with it, the kernel asks later",
    b"Failed to bind": TAKEN,
}


def path_of(directory: str, network: Network, container: str) -> str:
    """A file for what belongs to the container's program; short, since an address of unix(7) has 108 bytes."""
    return f"{directory}/.{sha256(f'{network.name}/{container}'.encode()).hexdigest()[:10]}"


def start_and_wait(name: str, start: Callable[[int, int], None]) -> None:
    """`start` gets the descriptor where the program says that it is ready, and that of its errors. Raises OSError,
    NetworkRefused."""
    ready, telling = os.pipe()
    errors = os.memfd_create(name)
    try:
        try:
            start(telling, errors)
        finally:
            os.close(telling)  # or there would be no end of it
        if not is_told(ready):
            raise NetworkRefused(said_by(errors) or f"{name} does not get ready", cure_of(errors))
    finally:
        os.close(ready)
        os.close(errors)


def is_told(ready: int) -> bool:
    """The program writes something when all is set up; the pipe is closed when it ends."""
    import select

    return bool(select.select([ready], [], [], PATIENCE)[0]) and os.read(ready, 1) != b""


def said_by(errors: int) -> str:
    """All of it in one line, but that there is no log where it would say the same."""
    lines = os.pread(errors, 4096, 0).decode(errors="replace").split("\n")
    return "; ".join(line.strip() for line in lines if line.strip() and "syslog" not in line)


def cure_of(errors: int) -> str:
    said = os.pread(errors, 4096, 0)
    return next((cure for words, cure in CURES.items() if words in said), "start it by hand to see more")
