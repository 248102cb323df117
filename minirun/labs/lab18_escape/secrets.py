"""What is to be captured: three words, which the machine keeps in three places where a container has no business."""

from __future__ import annotations

import os
import shutil
from hashlib import sha256

from ...errors import StateError
from ...kernel import keys
from ...kernel.constants import KEY_SPEC_USER_KEYRING
from ...kernel.libc import SystemCallError
from .. import look, sweep
from .holes import COMMAND, FILE, KEY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..desk import Desk

TOKEN = "/root/lab18-token"
BACKUP = "lab18-backup"  # a stand-in for a program that is given its password on the command line
AS_LONG_AS_IT_TAKES = "1800001"  # seconds
NAME = "lab18:token:"  # of a key


def of(desk: Desk, place: str) -> str:
    """Each is another one, so that what was captured tells where it was."""
    return sha256(f"{desk.secret()} {place}".encode()).hexdigest()[:16]


def hide(desk: Desk) -> None:
    """Raises StateError."""
    hide_in_file(of(desk, FILE))
    hide_in_command(of(desk, COMMAND))
    keys.add_key("user", f"{NAME}{of(desk, KEY)}", b"-", KEY_SPEC_USER_KEYRING)


def hide_in_file(token: str) -> None:
    descriptor = os.open(TOKEN, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "w", encoding="ascii") as file:
        file.write(f"{token}\n")


def hide_in_command(token: str) -> None:
    """Raises StateError."""
    import subprocess

    program = shutil.which("sleep")
    if program is None:
        raise StateError("there is no sleep here\n  cure:  apt-get install coreutils")
    subprocess.Popen(
        [f"{BACKUP} --password={token}", AS_LONG_AS_IT_TAKES],
        executable=program,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def take_away() -> None:
    if os.path.lexists(TOKEN):
        os.unlink(TOKEN)
    for pid in look.pids():
        if "".join(look.command(pid)[:1]).startswith(f"{BACKUP} "):
            sweep.end(str(pid))
    for key in their_keys():
        try:
            keys.unlink(key, KEY_SPEC_USER_KEYRING)
        except SystemCallError:
            pass  # it is in another keyring, where somebody else has put it


def their_keys() -> Iterator[int]:
    """/proc/keys, proc(5): the serial number, in hexadecimal, comes first."""
    for line in (look.read("/proc/keys") or "").splitlines():
        if f" {NAME}" in line:
            yield int(line.split()[0], 16)
