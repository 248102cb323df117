"""Start minirun again in the same process, in a Python that hears nothing of the caller: where the environment has had
a say over this one (cli/begin.py), and where it can't be put out of the container's reach in place (seal.py).

Two things of the caller's would end Python while it starts, before a line of minirun is read. They are put out of its
way, and a first word on the new command line says what has to be put back:

    --restore=SIGINT      the signal is blocked meanwhile: Python would tell of Ctrl-C by a traceback
    --restore=0=3         standard input is a directory, which Python refuses; it waits as descriptor 3
"""

from __future__ import annotations

import _signal
import os
import stat
import sys

from ..errors import MinirunError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import NoReturn

OWN_PROGRAM = "/proc/self/exe"
HOME = os.path.realpath(f"{os.path.dirname(__file__)}/../..")
MAIN = f"{HOME}/minirun/__main__.py"

# python(1). -I: no variable of the environment, nothing of the current directory or the user's. -S: no second search
# for packages, which is most of a bare interpreter's start. The encoding is not the locale's.
FLAGS = ("-I", "-S", "-X", "utf8")
RESTORE = "--restore="
STREAMS = (0, 1, 2)


def start_again(program: str | int, arguments: list[str], name: str = "") -> NoReturn:
    """Become the Python `program`, a path or a descriptor, with the same command line. `name` is what it was called
    before something of it was changed. Raises OSError (execve(2))."""
    put_aside = [*block_interrupt(), *move_directories()]
    words = [RESTORE + ",".join(put_aside)] if put_aside else []
    os.execve(program, [name or own_name(), *FLAGS, MAIN, *words, *arguments], environment())


def block_interrupt() -> Iterator[str]:
    before = _signal.pthread_sigmask(_signal.SIG_BLOCK, (_signal.SIGINT,))
    if _signal.SIGINT not in before:
        yield "SIGINT"


def move_directories() -> Iterator[str]:
    for stream in STREAMS:
        if stat.S_ISDIR(os.fstat(stream).st_mode):
            yield f"{stream}={moved(stream)}"


def moved(stream: int) -> int:
    """Where it is now, behind all that the caller may have opened; /dev/null is in its place."""
    copy = os.dup(stream)
    os.set_inheritable(copy, True)
    os.dup2(os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC), stream)
    return copy


def restored(words: list[str]) -> list[str]:
    """Put back what the first word names; the others. Raises MinirunError."""
    if not words or not words[0].startswith(RESTORE):
        return words
    try:
        for name in words[0].removeprefix(RESTORE).split(","):
            put_back(*name.split("="))
    except (ValueError, TypeError):
        raise MinirunError(f"{RESTORE} is a word of minirun to itself\n  cure:  leave it out") from None
    return words[1:]


def put_back(name: str, copy: str = "") -> None:
    if name == "SIGINT":
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, (_signal.SIGINT,))
        return
    os.dup2(int(copy), int(name))
    os.close(int(copy))


def own_name() -> str:
    """What Python finds its library by. Engines may start minirun without PATH, which leaves sys.executable empty."""
    return sys.executable or os.readlink(OWN_PROGRAM)


def environment() -> dict[str, str]:
    """The caller's. A variable without a name is possible, and Python refuses to hand it on."""
    return {name: value for name, value in os.environ.items() if name}
