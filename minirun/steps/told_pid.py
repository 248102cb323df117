"""The container's pid for its caller: in a file, and as a descriptor."""

from __future__ import annotations

from errno import EACCES, ENOENT, ENOTDIR, ENXIO, EPERM, EPIPE, EROFS

from ..kernel import sockets
from ..kernel.libc import Flags, show
from .named_file import write_named
from .shell import quoted
from .sockets import SOCKET_CURES
from .state import show_replaced_file
from .step import RUNTIME, Context, Step


class WritePidFile(Step):
    """The pid as the caller sees it, without a line break: engines read all of the file as a number. What is no regular
    file is written to, where it can be, and never replaced."""

    runs_in = RUNTIME
    chapter = "books"
    man = "rename(2)"
    cures = {
        EACCES: "the caller of minirun must be able to write there",
        ENOENT: "its directory must exist",
        ENOTDIR: "a name on the way is a file, not a directory",
        EPERM: "the file is another user's, and in such a directory (chmod +t) only that one may replace it",
        EROFS: "name a file where something can be written",
        ENXIO: "nobody reads from this FIFO, or there is no such device",
        EPIPE: "nobody reads any more what is written there",
    }

    path: str

    def describe(self) -> str:
        return f"write the pid to {self.path}"

    def shell(self) -> str:
        return f'printf %s "$pid" > {quoted(self.path)}'

    def calls(self) -> tuple[str, ...]:
        return show_replaced_file(self.path, 0o644)

    def apply(self, context: Context) -> None:
        write_named(self.path, str(context.pid).encode(), 0o644)


class SendPidfd(Step):
    """Hand a descriptor of the process to somebody who wants to wait for it or send it signals. A pid could be another
    process's by then; this can't. The message is a word, which says what kind of process it is."""

    runs_in = RUNTIME
    chapter = "books"
    man = "pidfd_open(2)"
    no_shell = "a shell can't send a descriptor"
    cures = {
        **SOCKET_CURES,
        ENOENT: "somebody has to listen on this socket already",
    }

    path: str
    kind: str
    origin: str = ""

    def describe(self) -> str:
        return f"send a pidfd of the process to {self.path}"

    def calls(self) -> tuple[str, ...]:
        connected = show("connect", Flags("socket"), self.path)
        return (connected, show("sendmsg", Flags("socket"), self.kind, Flags("SCM_RIGHTS pidfd")))

    def apply(self, context: Context) -> None:
        sockets.send_descriptor(self.path, context.pidfd, self.kind.encode())
