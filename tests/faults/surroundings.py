"""Faults of what is around: disks, memory, descriptors, files, streams."""

from __future__ import annotations

import fcntl
import functools
import os
import resource
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from kernel.kit.needs import controllers
from kernel.kit.outside import cgroup2_root

from .commands import prepare
from .fault import KILLED, RUNTIME, Fault, Outcome
from .process import Process, become_program, eventually
from .world import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .commands import Command

PAGE = resource.getpagesize()
MIB = 1 << 20


def each(command: Command) -> Iterator[Fault]:
    yield from (Fault(name, functools.partial(on_a_disk, command, change)) for name, change in DISKS.items())
    yield from (Fault(name, functools.partial(limited, command, *limit)) for name, limit in LIMITS.items())
    yield from (Fault(name, functools.partial(short_of_memory, command, more)) for name, more in MEMORY.items())
    yield from (Fault(name, functools.partial(with_stderr, command, put)) for name, put in STREAMS.items())
    for name, (file, value) in CGROUPS.items():
        if file.partition(".")[0] in controllers():
            yield Fault(name, functools.partial(in_a_cgroup, command, file, value))


# ---- the disk that the books lie on


def used_inodes() -> int:
    status = os.statvfs(ROOT)
    return status.f_files - status.f_ffree


def used_bytes() -> int:
    status = os.statvfs(ROOT)
    return (status.f_blocks - status.f_bfree) * status.f_frsize


READ_ONLY = "bind,ro"  # of a mount, for mount(8)
DISKS: dict[str, Callable[[], str]] = {
    "a read-only disk for the books": lambda: READ_ONLY,
    **{
        f"a disk with room for {pages} more pages": lambda pages=pages: f"size={used_bytes() + pages * PAGE or PAGE}"
        for pages in range(5)
    },
    **{
        f"a disk with room for {inodes} more files": lambda inodes=inodes: f"nr_inodes={used_inodes() + inodes}"
        for inodes in range(9)
    },
}


def on_a_disk(command: Command, change: Callable[[], str]) -> Outcome:
    """It is mended before anybody looks."""
    words, options = prepare(command), change()
    if options == READ_ONLY:  # a process that waits for `start` keeps the disk itself from becoming so
        mount("--bind", str(ROOT))
    mount("-o", f"remount,{options}")
    try:
        return Outcome(Process(words).end(), clues=("ENOSPC", "EROFS"))
    finally:
        if options == READ_ONLY:
            subprocess.run(["umount", str(ROOT)], check=True)
        else:
            mount("-o", "remount,rw,size=64m,nr_inodes=9999")


def mount(*words: str) -> None:
    subprocess.run(["mount", *words, str(ROOT)], check=True)


# ---- limits of the command, from the start of its Python on

SMALL_FILES = "ulimit -f 1"  # KiB: less than config.json, and more than an error
LIMITS: dict[str, tuple[int, int]] = {
    **{f"ulimit -n {number}": (resource.RLIMIT_NOFILE, number) for number in range(3, 21)},
    **{f"ulimit -v of {mib} MiB": (resource.RLIMIT_AS, mib * MIB) for mib in (8, 12, 16, 20, 24, 28, 32, 40, 64)},
    SMALL_FILES: (resource.RLIMIT_FSIZE, 1 << 10),
    "ulimit -s of 512 KiB": (resource.RLIMIT_STACK, 1 << 19),
    "ulimit -l 0": (resource.RLIMIT_MEMLOCK, 0),
}


def limited(command: Command, kind: int, value: int) -> Outcome:
    return started_anew(command, lambda: resource.setrlimit(kind, (value, value)))


def started_anew(command: Command, change: Callable[[], object]) -> Outcome:
    """The command as its user starts it, with its Python."""
    words = prepare(command)
    return Outcome(Process(words, before=lambda: (change(), become_program(words))).end())


# ---- a cgroup with limits, which the command is in (not its container)

CGROUPS: dict[str, tuple[str, str]] = {
    **{f"memory.max of {mib} MiB": ("memory.max", str(mib * MIB)) for mib in (1, 2, 4, 6, 8, 10, 12, 16, 24)},
    **{f"pids.max of {number}": ("pids.max", str(number)) for number in range(1, 6)},
}


def in_a_cgroup(command: Command, file: str, value: str) -> Outcome:
    """Who takes too much memory is killed there, and can say nothing."""
    top = cgroup2_root()
    assert top
    place = top / "minirun-faults-caller"
    place.mkdir()
    try:
        (place / file).write_text(value)
        outcome = started_anew(command, lambda: (place / "cgroup.procs").write_text("0"))
        return outcome._replace(victims=(RUNTIME,) if outcome.result.status == KILLED else ())
    finally:
        (place / "cgroup.kill").write_text("1")
        eventually(lambda: "populated 0" in (place / "cgroup.events").read_text())
        place.rmdir()


# ---- memory, once minirun has started

MEMORY = {f"{kib} KiB of memory left": kib << 10 for kib in (0, 64, 128, 256, 512, 1024, 2048, 4096, 8192)}


def short_of_memory(command: Command, more: int) -> Outcome:
    def limit() -> None:
        size = int(Path("/proc/self/statm").read_text().split()[0]) * PAGE
        resource.setrlimit(resource.RLIMIT_AS, (size + more, size + more))

    return Outcome(Process(prepare(command), before=limit).end())


# ---- standard error, to which --debug writes a lot


def close_stderr() -> None:
    os.close(2)


def full_device() -> None:
    os.dup2(os.open("/dev/full", os.O_WRONLY), 2)


def full_pipe(blocking: bool) -> None:
    """Nobody reads. The reading end stays open, here and in every child."""
    _reading, writing = os.pipe()
    os.set_blocking(writing, False)
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PAGE)
    try:
        while os.write(writing, b"x" * PAGE):
            pass
    except BlockingIOError:
        os.set_blocking(writing, blocking)
    os.dup2(writing, 2)


def broken_pipe() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    os.dup2(writing, 2)


STREAMS: dict[str, Callable[[], None]] = {
    "no standard error": close_stderr,
    "a full disk as standard error": full_device,
    "a full pipe as standard error": functools.partial(full_pipe, True),
    "a full pipe as standard error that does not block": functools.partial(full_pipe, False),
    "a pipe without a reader as standard error": broken_pipe,
}


def with_stderr(command: Command, put: Callable[[], None]) -> Outcome:
    return Outcome(Process(("--debug", *prepare(command)), before=put).end(), harmless=True)
