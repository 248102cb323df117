"""Where a created container waits for `start`."""

from __future__ import annotations

from ..kernel.libc import Flags, show
from ..kernel.sockets import MessageSocket
from .layout import START_SOCKET
from .shell import quoted
from .step import RUNTIME, Context, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .world import World


class OpenStartSocket(Step):
    """Where the container's process will wait for `start`. It inherits the descriptor, and needs no path."""

    runs_in = RUNTIME
    chapter = "books"
    man = "unix(7)"
    spec = "runtime.md#start"

    directory: str

    def describe(self) -> str:
        return f"listen on {self.directory}/start"

    def shell(self) -> str:
        return f"mkfifo {quoted(self.directory)}/start"

    def calls(self) -> tuple[str, ...]:
        opened = "start_socket = " + show("socket", Flags("AF_UNIX"), Flags("SOCK_SEQPACKET|SOCK_CLOEXEC"), 0)
        socket = Flags("start_socket")
        return (opened, show("bind", socket, f"{self.directory}/{START_SOCKET}"), show("listen", socket, 1))

    def effect(self, world: World) -> World:
        return world.noting("start")

    def apply(self, context: Context) -> None:
        context.start_socket = MessageSocket.listen(self.directory, START_SOCKET)
