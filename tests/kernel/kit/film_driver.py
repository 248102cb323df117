"""Runs a bundle, and writes down after each step what the kernel tells of the container's process.

    python film_driver.py BUNDLE ID FILE

A line of FILE is a JSON object: the step's index, counted from 0, and what was seen. Index -1 is minirun's own process
before the first step. The program has to wait to be killed: that is done when the last step is seen.

Another process looks, since the container's can't see all of itself once it is nobody's: it is told of each step.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minirun.errors import MinirunError
from minirun.plan.container import Options, plan
from minirun.runtime.caller import as_caller, default_root
from minirun.runtime.log import Log
from minirun.runtime.run import run_plan
from minirun.spec.load import content, decode, parse
from minirun.steps.limits import SetLimit
from minirun.steps.rootfs import BindRootfs
from minirun.steps.step import RUNTIME, Context, Observer, Step
from minirun.teach.inspection import facts, read
from minirun.teach.seen import of_files

if TYPE_CHECKING:
    from minirun.record import Record

FILES = ("status", "stat", "limits", "oom_score_adj", "personality")
UTS = ("uname", "--nodename"), ("domainname",)


class Witness(Observer):
    """Tells of each step that is done, and waits until somebody has looked."""

    def __init__(self, told: socket.socket, last: int) -> None:
        self.told, self.last = told, last

    def descriptors(self) -> tuple[int, ...]:
        return (self.told.fileno(),)

    def after(self, step: Step, index: int, context: Context) -> None:
        if step.runs_in != context.me:  # of fork(2) both processes hear
            return
        pid = context.sender or context.pid  # a helper that forks has ended by its successor's turn
        if context.me != RUNTIME or pid:
            self.tell(index, pid if context.me == RUNTIME else 0, context.cgroup)
        if index == self.last:
            os.kill(pid, signal.SIGKILL)

    def tell(self, index: int, pid: int, cgroup: str) -> None:
        """Pid 0 is who tells it."""
        self.told.send(json.dumps((index, pid, cgroup)).encode())
        self.told.recv(1)


class Looker:
    """The other process."""

    def __init__(self, told: socket.socket, steps: tuple[Step, ...], books: str, output: str) -> None:
        self.told, self.books, self.output = told, books, Path(output)
        self.rootfs = next((os.path.realpath(step.path) for step in steps if isinstance(step, BindRootfs)), "")
        self.limits = {step.name for step in steps if isinstance(step, SetLimit)}

    def look(self) -> None:
        """Until nobody is left who could tell."""
        while True:
            data, control, _, _ = self.told.recvmsg(1 << 16, socket.CMSG_SPACE(12))
            if not data:
                return
            index, pid, cgroup = json.loads(data)
            sender = struct.unpack("3i", control[0][2])[0]  # by the kernel's word, as the host calls it: unix(7)
            with self.output.open("a") as file:
                file.write(json.dumps({"index": index, "seen": self.seen(pid or sender, cgroup)}) + "\n")
            self.told.send(b"!")

    def seen(self, pid: int, cgroup: str) -> dict[str, Any]:
        directory = os.open(f"/proc/{pid}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            found = facts(pid, directory, "")
            return {
                **members(found),
                "mounts": [members(mount) for mount in found.mounts],
                **{name: read(directory, name) for name in FILES},
                "descriptors": sorted(map(int, of_files(directory, found)["descriptors"])),  # that execve(2) keeps
                "cwd": os.readlink("cwd", dir_fd=directory),
                "owner": os.stat("status", dir_fd=directory).st_uid,
                "clocks": text(f"/proc/{pid}/timens_offsets"),
                "setgroups": text(f"/proc/{pid}/setgroups"),
                "names": [inside(pid, *words) for words in UTS],
                "limits_of_cgroup": {name: text(f"{cgroup}/{name}") for name in self.limits} if cgroup else {},
                "devices": self.devices(pid),
                "books": sorted(os.listdir(self.books)) if os.path.isdir(self.books) else [],
            }
        finally:
            os.close(directory)

    def devices(self, pid: int) -> list[str]:
        """In the tree that is put together, which is the root from pivot_root(2) on."""
        root = Path(f"/proc/{pid}/root")
        place = root / self.rootfs.lstrip("/") if (root / self.rootfs.lstrip("/")).is_dir() else root
        return sorted(f"/dev/{path.name}" for path in (place / "dev").iterdir())


def inside(pid: int, *words: str) -> str:
    """What a command says in the process's UTS namespace."""
    done = subprocess.run(
        ["nsenter", f"--uts=/proc/{pid}/ns/uts", *words], stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout.strip()


def members(record: Record) -> dict[str, Any]:
    return dict(zip(record.fields, record.values()))


def text(path: str) -> str | None:
    try:
        return Path(path).read_text()
    except OSError:
        return None


def main() -> int:
    bundle, name, output = sys.argv[1:]
    config = content(bundle)
    options = Options(id=name, bundle=bundle, root=default_root())
    parsed = parse(decode(config))
    steps = plan(parsed, as_caller(options, parsed.linux))
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    there.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    if os.fork() == 0:
        here.close()
        Looker(there, steps, options.directory, output).look()
        os._exit(0)
    there.close()
    log = Log()
    log.observer = witness = Witness(here, len(steps) - 1)
    witness.tell(-1, os.getpid(), "")
    try:
        return run_plan(steps, log, config)
    except MinirunError as error:
        print(error, file=sys.stderr)
        return error.exit_status


if __name__ == "__main__":
    sys.exit(main())
