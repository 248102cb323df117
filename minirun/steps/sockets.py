"""What it means when a socket that the caller or config.json names can't be reached (unix(7))."""

from __future__ import annotations

from errno import EACCES, EAGAIN, ECONNREFUSED, ELOOP, ENOTDIR, ENOTSOCK, EPIPE, EPROTOTYPE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

SOCKET_CURES: Mapping[int | tuple[str, int], str] = {
    EACCES: "whoever connects must be able to write to the socket, and to search every directory on the way",
    EAGAIN: "who listens there takes no connection: its queue is full",
    ECONNREFUSED: "nobody listens there any more",
    ELOOP: "symlinks on the way lead in a circle",
    ENOTDIR: "a name on the way is a file, not a directory",
    ENOTSOCK: "what is there is something else: name a socket on which somebody listens",
    EPIPE: "who listens there has closed the connection",
    EPROTOTYPE: "the socket has to be of the type SOCK_STREAM",
}
