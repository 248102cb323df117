"""Lab 18 changes the machine beyond what every reset looks for: a setting of the kernel's, a key, a file of root's."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from kernel.kit.runtime import TIMEOUT

from labs.student import Student
from minirun.labs import look
from minirun.labs.catalogue import folder

if TYPE_CHECKING:
    from kernel.kit.runtime import Runtime

pytestmark = [pytest.mark.root, pytest.mark.machine, pytest.mark.only("minirun", "its own labs")]

PATTERN = Path("/proc/sys/kernel/core_pattern")
TOKEN = Path("/root/lab18-token")


def secrets() -> list[str]:
    lines = Path("/proc/keys").read_text().splitlines()
    commands = [" ".join(look.command(pid)) for pid in look.pids()]
    return [line for line in (*lines, *commands) if "lab18:token:" in line or line.startswith("lab18-backup ")]


def test_after_a_reset_the_machine_is_as_before(place: Path, runtime: Runtime) -> None:
    why = folder("18").lab.missing()
    if why:
        pytest.skip(why.splitlines()[0])
    before = PATTERN.read_text()
    student = Student("18", place, runtime)
    student.start()
    deadline = time.monotonic() + TIMEOUT  # for a moment in its execve(2), a process has no command line
    while len(secrets()) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(secrets()) == 2
    assert TOKEN.stat().st_mode & 0o777 == 0o600
    PATTERN.write_text("|/proc/%P/root/helper %P")
    student.reset()
    assert PATTERN.read_text() == before
    assert not TOKEN.exists()
    assert secrets() == []
