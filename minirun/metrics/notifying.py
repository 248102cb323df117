"""News for the service manager that has started this command: sd_notify(3)."""

from __future__ import annotations

from ..errors import reason
from ..kernel.sockets import MessageSocket
from ..safe import safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Manager:
    """Hears what is told; of one that is not there, or has gone, `warn` is told once."""

    def __init__(self, address: str, warn: Callable[[str], None]) -> None:
        """`address` is $NOTIFY_SOCKET; "" for nobody who wants to hear."""
        self.address, self.warn = address, warn

    def hear(self, *news: str) -> None:
        if not (self.address and news):
            return None
        try:
            socket = MessageSocket.to_datagrams(self.address)
        except OSError as error:
            return self.give_up(error)
        try:
            socket.send("\n".join(news).encode())
        except OSError as error:
            self.give_up(error)
        finally:
            socket.close()
        return None

    def give_up(self, error: OSError) -> None:
        self.warn(f"nobody hears the news: NOTIFY_SOCKET is {safe(self.address)}: {reason(error)}")
        self.address = ""
