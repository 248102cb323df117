"""News of the container for the one who started minirun, by sd_notify(3): the container gets a socket of its own.

    program ──► /run/notify/notify.sock ══ notify/notify.sock in the state directory ──► minirun ──► $NOTIFY_SOCKET

The service manager's own socket is no place for a container: by what arrives there from whom it decides about processes
and takes descriptors into its keeping. So minirun stands between, and passes on what tells of the container
(runtime/notify.py).
"""

from __future__ import annotations

import os
from errno import EADDRINUSE

from ..kernel import files
from ..kernel.libc import Flags, show
from ..kernel.sockets import MessageSocket
from .shell import quoted
from .step import RUNTIME, Context, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .world import World

DIRECTORY, SOCKET = "notify", "notify.sock"
INSIDE = "/run/notify"  # where other runtimes have it


class MakeNotifyDirectory(Step):
    """A directory can be bound into the container before the socket is there, which only `start` makes."""

    runs_in = RUNTIME
    chapter = "books"
    man = "sd_notify(3)"

    directory: str

    def describe(self) -> str:
        return f"make {self.directory}/{DIRECTORY} for the container's news"

    def shell(self) -> str:
        return f"mkdir -m 755 {quoted(self.directory)}/{DIRECTORY}"

    def calls(self) -> tuple[str, ...]:
        return (show("mkdir", f"{self.directory}/{DIRECTORY}", files.octal(0o755)),)

    def effect(self, world: World) -> World:
        return world.noting("notify")

    def apply(self, context: Context) -> None:
        files.mkdir(f"{self.directory}/{DIRECTORY}", 0o755)

    def undo(self, context: Context) -> None:
        place = f"{self.directory}/{DIRECTORY}"
        if os.path.isdir(place):
            for name in os.listdir(place):
                os.unlink(f"{place}/{name}")
            os.rmdir(place)


class OpenNotifySocket(Step):
    """For every user of the container. Whoever listens has to be there for as long as news may come."""

    runs_in = RUNTIME
    chapter = "books"
    man = "sd_notify(3)"
    no_shell = "a shell can't listen on a socket"
    cures = {EADDRINUSE: "somebody else is starting this container just now"}

    directory: str

    def describe(self) -> str:
        return f"listen on {self.directory}/{DIRECTORY}/{SOCKET}"

    def calls(self) -> tuple[str, ...]:
        return (
            "news = " + show("socket", Flags("AF_UNIX"), Flags("SOCK_DGRAM|SOCK_CLOEXEC"), 0),
            show("bind", Flags("news"), f"{self.directory}/{DIRECTORY}/{SOCKET}"),
            show("chmod", f"{self.directory}/{DIRECTORY}/{SOCKET}", files.octal(0o777)),
        )

    def apply(self, context: Context) -> None:
        place = f"{self.directory}/{DIRECTORY}"
        context.notify_socket = MessageSocket.take_datagrams(place, SOCKET)
        os.chmod(f"{place}/{SOCKET}", 0o777)
