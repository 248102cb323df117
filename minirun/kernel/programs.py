"""Other programs that minirun calls for help (posix_spawn(3)). The subprocess module takes long to import."""

from __future__ import annotations

import os

from . import signals
from .libc import os_call, show

# Not the caller's PATH: these programs may have more rights than the caller.
DIRECTORIES = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


def find(name: str) -> str | None:
    """Where the program of this name is."""
    paths = (f"{directory}/{name}" for directory in DIRECTORIES)
    return next((path for path in paths if os.access(path, os.X_OK)), None)


def run_program(program: str, arguments: tuple[str, ...]) -> tuple[int, str]:
    """Run a program to its end, with an empty environment: its exit status, and what it wrote to standard error."""
    reading, writing = os.pipe()
    files = (
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDWR, 0),
        (os.POSIX_SPAWN_DUP2, 0, 1),
        (os.POSIX_SPAWN_DUP2, writing, 2),
    )
    words = (program, *arguments)
    try:
        pid = os_call(
            "posix_spawn",
            lambda: os.posix_spawn(program, words, {}, file_actions=files, setsigmask=(), setsigdef=signals.ignored()),
            shown=lambda: show("posix_spawn", *words),
        )
    finally:
        os.close(writing)
    with open(reading, errors="replace") as said:
        message = said.read()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), message.strip()
