"""One container at a time for a directory of changes. The kernel has no guard against two: that "the behavior of
the overlay is undefined" is all that overlayfs.rst says ("Sharing and copying layers"), and files get lost."""

from __future__ import annotations

import fcntl
import os
from errno import EACCES, ENOENT, EROFS

from ..kernel import files, processes
from ..kernel.libc import Flags, show
from .shell import quoted
from .step import RUNTIME, Context, Refused, Step

MOST_BYTES = 100  # of the file, which has two numbers and an id
BOOT = "/proc/sys/kernel/random/boot_id"


class ClaimChanges(Step):
    """Note the container's process beside the directory, or refuse where that of another is noted and lives. With its
    start time and the boot's id (random(4)) a pid is unique, so nobody has to take back a note."""

    runs_in = RUNTIME
    chapter = "mounts"
    man = "flock(2)"
    cures = {
        ENOENT: "the directory for changes is gone: have minirun bundle --overlay make a new bundle",
        EACCES: "the directory for changes is another user's: have minirun bundle --overlay make a bundle of your own",
        EROFS: "a container's changes need a file system that can be written to",
    }

    upper: str
    origin: str

    @property
    def file(self) -> str:
        return f"{os.path.dirname(self.upper)}/process"

    def describe(self) -> str:
        return f"claim {self.upper} for the changes of this container, in {self.file}"

    def shell(self) -> str:
        return f'read -ra stat < "/proc/$pid/stat" && echo "$pid ${{stat[21]}} $(cat {BOOT})" > {quoted(self.file)}'

    def calls(self) -> tuple[str, ...]:
        opened = files.open_flags(os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        return (
            "claim = " + show("open", self.file, opened, files.octal(0o600)),
            show("flock", Flags("claim"), Flags("LOCK_EX")),
            show("read", Flags("claim"), Flags("before"), MOST_BYTES),
            show("write", Flags("claim"), Flags("pid, start time and boot")),
        )

    def apply(self, context: Context) -> None:
        claim = files.open_regular(self.file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(claim, fcntl.LOCK_EX)  # another command may be here at the same time, for a moment
            self.refuse_another(os.read(claim, MOST_BYTES).split())
            os.ftruncate(claim, 0)
            os.pwrite(claim, note_of(context.pid), 0)
        finally:
            os.close(claim)

    def refuse_another(self, before: list[bytes]) -> None:
        if len(before) != 3 or before[2] != boot().encode() or not all(word.isdigit() for word in before[:2]):
            return
        pid, started = map(int, before[:2])
        stat = processes.stat_fields(pid, started)
        if stat is not None and not processes.has_ended(stat):
            raise Refused(
                f"another container writes to {self.upper} as long as it is there: its process is {pid}",
                "two at the same time would spoil each other's files. minirun list shows whose it is; a second bundle "
                "of the same image (minirun bundle --overlay) takes some kilobytes",
            )


def note_of(pid: int) -> bytes:
    stat = processes.stat_fields(pid)
    return b"" if stat is None else f"{pid} {processes.start_time(stat)} {boot()}\n".encode()


def boot() -> str:
    return files.read_file(BOOT).strip()
