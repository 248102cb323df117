"""Terminals: a program that types at its caller's, and what lies where a console socket should be."""

from __future__ import annotations

import array
import fcntl
import os
import socket
import struct
import termios
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kernel.escapes.kit import without
from kernel.kit import needs
from kernel.kit.host import nothing_left
from kernel.kit.typist import typing_to

if TYPE_CHECKING:
    from collections.abc import Callable

    from kernel.escapes.kit import Attacked
    from kernel.kit.life import Life

pytestmark = [pytest.mark.root, pytest.mark.only("minirun", "it is weakened for the proof")]

TIOCGPTN = 0x80045430  # asm-generic/ioctls.h
LINE = "rm -rf everything"
PUSHING = needs.command(
    "grep -qs 1 /proc/sys/dev/tty/legacy_tiocsti || [ ! -e /proc/sys/dev/tty/legacy_tiocsti ]", "TIOCSTI is off"
)


@PUSHING
@without("callers-session")
@pytest.mark.parametrize("command", ["run", "exec"])
def test_a_program_does_not_type_at_its_callers_terminal(
    attacked: Attacked, lives: Callable[..., Life], command: str
) -> None:
    """CVE-2017-5226: what is pushed into the terminal's input (TIOCSTI) is the next command of the shell that has
    started minirun."""
    words = ["attack", f"typed=type:{LINE}"]
    if command == "exec":
        one = lives().started()
        line = [*attacked.argv, "exec", one.id, "/probe", *words]
    else:
        one = lives(*words)
        line = attacked.command(one.bundle, one.id)
    with typing_to(line, attacked.environment) as typist:
        typist.see('"typed"')
        assert waiting_input(typist.keyboard) == (len(LINE) + 1 if attacked.is_weak else 0)


def waiting_input(keyboard: int) -> int:
    """How many bytes a program that reads from the terminal would get."""
    (number,) = struct.unpack("I", fcntl.ioctl(keyboard, TIOCGPTN, bytes(4)))
    terminal = os.open(f"/dev/pts/{number}", os.O_RDONLY | os.O_NOCTTY)
    size = array.array("i", [0])
    fcntl.ioctl(terminal, termios.FIONREAD, size)
    os.close(terminal)
    return size[0]


# ---- the console socket


def fifo(path: Path) -> None:
    os.mkfifo(path)


def stranger(path: Path) -> None:
    """A socket of another type."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(str(path))


def nobody(path: Path) -> None:
    """A socket on which nobody listens any more."""
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(str(path))


def leads_to(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


NO_SOCKETS = {
    "nothing": lambda path: None,
    "a FIFO": fifo,
    "a file": Path.touch,
    "a directory": Path.mkdir,
    "a device": leads_to("/dev/null"),
    "a loop": leads_to("socket"),
    "another type": stranger,
    "nobody there": nobody,
}


@pytest.mark.parametrize(
    ("command", "what"), [*(("create", what) for what in NO_SOCKETS), ("exec", "a FIFO"), ("exec", "nobody there")]
)
def test_what_is_no_console_socket_gets_no_terminal(
    life: Callable[..., Life], place: Path, command: str, what: str
) -> None:
    """Nothing is opened, nobody waits, and nothing is left."""
    one, path = life(), place / "socket"
    one.bundle.process["terminal"] = command == "create"
    one.bundle.write()
    NO_SOCKETS[what](path)
    if command == "exec":
        one.started()
    with nothing_left("minirun"):
        if command == "create":
            refused = one.create("--console-socket", str(path))
        else:
            refused = one.call("exec", "/probe", options=["--tty", "--detach", "--console-socket", str(path)])
    assert refused.status in (1, 255) and str(path) in refused.stderr, refused


def test_the_console_socket_gets_one_message_with_the_terminal(life: Callable[..., Life], place: Path) -> None:
    """And nothing of minirun's: no more descriptors, and none but the terminal. Who listens says nothing, and does not
    even take the message before the container runs."""
    one = life()
    one.bundle.process["terminal"] = True
    one.bundle.write()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place / "socket"))
        listener.listen()
        one.started("--console-socket", str(place / "socket"))
        with listener.accept()[0] as end:
            message, descriptors, _, _ = socket.recv_fds(end, 4096, 16)
            assert end.recv(4096) == b""
    device = os.fstat(descriptors[0]).st_rdev
    for descriptor in descriptors:
        os.close(descriptor)
    assert (message, len(descriptors)) == (b"/dev/ptmx", 1)
    assert (os.major(device), os.minor(device)) == (5, 2)
