"""Which open files reach the program: its standard streams, what was asked for, and nothing else."""

from __future__ import annotations

import os
import stat
from errno import EINVAL, EPERM

from ..kernel import files
from ..kernel.libc import Flags, SystemCallError, show
from ..kernel.sockets import is_inherited
from .shell import quoted
from .step import Context, Refused, Step


class ReopenNull(Step):
    """Give the program the container's /dev/null where its caller gave it the host's: root inside could change the
    owner and mode of that one for everybody."""

    chapter = "process"
    man = "null(4)"

    def describe(self) -> str:
        return "open the container's /dev/null in place of the host's"

    def shell(self) -> str:
        return "exec </dev/null"

    def calls(self) -> tuple[str, ...]:
        flags = os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW | os.O_CLOEXEC
        opened = "null = " + show("open", "/dev/null", files.open_flags(flags))
        return (opened, *(show("dup2", Flags("null"), number) for number in (0, 1, 2)))

    def apply(self, context: Context) -> None:
        hosts = [number for number in (0, 1, 2) if files.is_null_device(number)]
        if not hosts:
            return
        try:
            own = files.open("/dev/null", os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except SystemCallError:
            return  # an image without devices: there is nothing better to offer
        if files.is_null_device(own):
            for number in hosts:
                os.dup2(own, number)
        os.close(own)


class OwnStdio(Step):
    """Make the program's user the owner of its standard pipes, so that it may open /dev/stdout anew. Files and
    terminals of the host, which stay when the container has ended, keep their owners."""

    chapter = "process"
    man = "pipe(7)"

    uid: int
    origin: str = "/process/user/uid"

    def describe(self) -> str:
        return f"give the pipes at descriptors 0, 1 and 2 to user {self.uid}"

    def shell(self) -> str:
        give = f"chown --silent {self.uid} /proc/self/fd/$fd || :"  # 2> would be descriptor 2 of chown itself
        return f"for fd in 0 1 2; do [ ! -p /proc/self/fd/$fd ] || {give}; done"

    def calls(self) -> tuple[str, ...]:
        return tuple(show("fchown", number, self.uid, -1) for number in (0, 1, 2))

    def apply(self, context: Context) -> None:
        for number in (0, 1, 2):
            try:
                if stat.S_ISFIFO(os.fstat(number).st_mode):
                    os.fchown(number, self.uid, -1)
            except OSError as error:
                if error.errno not in (EINVAL, EPERM):  # the pipe belongs to nobody of this user namespace
                    raise


class KeepDescriptors(Step):
    """Mark every file but 0, 1, 2 and those asked for as close-on-exec: one directory of the host that stays open
    is a way out (CVE-2024-21626)."""

    chapter = "process"
    man = "close_range(2)"
    spec = "runtime-linux.md#file-descriptors"

    preserve: int = 0
    listeners: int = 0  # they come first: sd_listen_fds(3) counts from 3

    @property
    def kept(self) -> int:
        return self.listeners + self.preserve

    def describe(self) -> str:
        return f"mark every file descriptor above {2 + self.kept} as close-on-exec"

    def shell(self) -> str:
        return "exec 3>&- 4>&- …" if not self.kept else f"exec {3 + self.kept}>&- …"

    def calls(self) -> tuple[str, ...]:
        return (show("close_range", 3 + self.kept, Flags("~0"), Flags("CLOSE_RANGE_CLOEXEC")),)

    def apply(self, context: Context) -> None:
        for descriptor in range(3, 3 + self.kept):
            if not is_inherited(descriptor):
                asked = f"LISTEN_FDS={self.listeners} and " * bool(self.listeners)
                raise Refused(
                    f"{asked}--preserve-fds {self.preserve}: descriptor {descriptor} is not open", "open it first"
                )
        files.close_on_exec_from(3 + self.kept)


class AnnounceListeners(Step):
    """Tell the program of the sockets that systemd, or another service manager, has opened for it. The pid is part of
    it, and known only now."""

    chapter = "process"
    man = "sd_listen_fds(3)"

    number: int
    names: str = ""  # with colons between them

    def describe(self) -> str:
        return f"tell the program of its {self.number} sockets, from descriptor 3 on (LISTEN_FDS)"

    def shell(self) -> str:
        names = f" LISTEN_FDNAMES={quoted(self.names)}" if self.names else ""
        return f"export LISTEN_FDS={self.number} LISTEN_PID=$${names}"

    def calls(self) -> tuple[str, ...]:
        return (show("getpid"),)

    def apply(self, context: Context) -> None:
        context.variables["LISTEN_FDS"] = str(self.number)
        context.variables["LISTEN_PID"] = str(os.getpid())
        if self.names:
            context.variables["LISTEN_FDNAMES"] = self.names
