"""What the machines have in common: processes, lines to the agent, a console, and that nothing of it stays."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import time
from typing import TYPE_CHECKING

from host.talk import MachineFailed, Talk

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from socket import socket
    from typing import ClassVar, Self

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
BOOT_LIMIT = 300  # seconds; an emulated processor that others keep busy, too, takes more than 30

# A process gets a session of its own, so that Ctrl-C reaches only us and one signal reaches all that it forked. Should
# we be killed, the kernel kills unshare (PR_SET_PDEATHSIG(2const)), therefore its child, and therefore all in the pid
# namespace of which that is the first process (pid_namespaces(7)). sh is first because a user-mode kernel must not be:
# its programs are processes of the host that it traces, and if it went a moment before them, they would go on untraced.
CONTAINED = (
    "setpriv",
    "--pdeathsig=KILL",
    "unshare",
    "--pid",
    "--fork",
    "--kill-child",
    "sh",
    "-c",
    '"$@"; exit',
    "sh",
)


class Machine:
    """A machine with the disk of a directory that tests/vm/build made. It sees the directory `share` of the host."""

    packages: ClassVar[Mapping[str, Sequence[str]]]  # Debian's packages, and programs of which each has one

    def __init__(self, image: Path, share: Path | None, memory: str = "1G") -> None:
        self.image, self.share, self.memory = image, share, memory
        self.talk = Talk()
        self.console = tempfile.TemporaryFile()
        self.processes: list[subprocess.Popen[bytes]] = []
        adopt_orphans()

    def start(self, *, cold: bool) -> None:
        """Brings it to where it waits for a command; `cold` by a boot, whatever faster way there may be."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    @classmethod
    def missing_packages(cls) -> list[str]:
        return [name for name, programs in cls.packages.items() if not any(map(shutil.which, programs))]

    def spawn(self, argv: Sequence[str], ends: Sequence[socket]) -> None:
        """Starts a process of the machine. The ends of lines become its own, so that a line ends when it does."""
        process = subprocess.Popen(
            [*CONTAINED, *argv],
            stdin=subprocess.DEVNULL,
            stdout=self.console,
            stderr=self.console,
            pass_fds=[end.fileno() for end in ends],
            start_new_session=True,
        )
        self.processes.append(process)
        for end in ends:
            end.close()

    def wait_for_agent(self) -> None:
        try:
            self.talk.expect("ready", time.monotonic() + BOOT_LIMIT)
        except (MachineFailed, TimeoutError) as error:
            raise self.failed("did not start", error) from None

    def failed(self, what: str, error: Exception) -> MachineFailed:
        """The error with what the machine said last on its console."""
        self.console.seek(0)
        said = self.console.read().decode(errors="replace").splitlines()[-20:]
        return MachineFailed("\n".join([f"the machine {what}: {error or 'no answer'}", *said]))

    def end(self) -> None:
        self.talk.close()
        for process in reversed(self.processes):
            kill_session(process)
        self.console.close()


def kill_session(process: subprocess.Popen[bytes]) -> None:
    """Ends a process that leads a process group, and all that it forked, and waits until they are gone."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-process.pid, 0)


def adopt_orphans() -> None:
    """Makes this process the parent of what its children leave behind, so that it can wait for that as well."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
