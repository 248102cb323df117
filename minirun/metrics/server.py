"""`minirun metrics`: the numbers by HTTP, read anew whenever somebody asks for them.

A few threads, each of which serves one client after the other: one who says nothing keeps nobody else waiting, and
however many come, no more than that are served at a time. The others wait in the kernel's queue (listen(2)). Nothing
here forks.
"""

from __future__ import annotations

import ipaddress
import socket
from contextlib import suppress
from errno import EACCES, EADDRINUSE, EADDRNOTAVAIL
from io import StringIO
from socketserver import TCPServer
from threading import Thread, Timer
from time import sleep
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from ..errors import CURE, MinirunError, StateError, reason, unexpected
from ..safe import safe
from .waiting import Stopped, Waiting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, NoReturn, TextIO
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from .families import Collector

CLIENTS = 8  # at a time
PATIENCE = 30.0  # seconds, for a request and its answer
AGAIN = 0.5  # seconds, until what could not be accepted is tried again
ALLOWED = "HOST:PORT, such as 127.0.0.1:9200, or [::1]:9200"


class Server(WSGIServer):
    allow_reuse_address = True  # of those that are closed: TIME_WAIT of tcp(7)
    request_queue_size = 128

    def server_bind(self) -> None:
        """Without the look-up of names by which http.server may wait for a DNS server."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = map(str, self.server_address[:2])  # type: ignore[assignment]
        self.setup_environ()

    def serve_without_end(self) -> NoReturn:
        while True:
            self.handle_request()

    def get_request(self) -> tuple[socket.socket, Any]:
        """With no descriptor to spare, accept(2) fails and leaves the client in the queue: it would fail again at
        once (EMFILE)."""
        try:
            return super().get_request()
        except OSError:
            sleep(AGAIN)
            raise

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away in the middle are no news."""


class Handler(WSGIRequestHandler):
    def handle(self) -> None:
        end = Timer(PATIENCE, hang_up, (self.connection,))
        end.start()
        try:
            super().handle()
        finally:
            end.cancel()

    def get_stderr(self) -> TextIO:
        """wsgiref prints tracebacks there, of clients that have gone; what else fails is told by `telling`."""
        return StringIO()

    def log_message(self, format: str, *args: Any) -> None:
        """Scrapes come every few seconds, and are no news."""


def hang_up(connection: socket.socket) -> None:
    """shutdown(2) ends each wait for it: for a client who speaks a byte at a time, and for one who does not read."""
    with suppress(OSError):  # it may have gone
        connection.shutdown(socket.SHUT_RDWR)


def listen(address: str, public: bool, collector: Collector, warn: Callable[[str], None]) -> Server:
    """Raises StateError where one can't listen there, or should not."""
    family, place = resolved(address)
    if not (public or ipaddress.ip_address(place[0].partition("%")[0]).is_loopback):
        raise StateError(
            f"{safe(address)} can be reached from outside, and whoever reaches it reads what containers there are\n"
            "  cure:  --listen 127.0.0.1:9200; or --public, if that is what you want"
        )
    try:
        server = bound(family, place)
    except OSError as error:
        told = f"can't listen on {safe(address)}: {reason(error)}"
        raise StateError(told + cure_of(error, place[1])) from None
    server.set_app(telling(application(collector), warn))
    return server


def resolved(address: str) -> tuple[int, tuple[str, int]]:
    """ "[::1]:9200" -> AF_INET6, ("::1", 9200). Raises StateError."""
    host, colon, port = address.rpartition(":")
    if not (colon and host and port.isascii() and port.isdigit() and len(port) < 6 and int(port) < 65536):
        raise StateError(f"--listen: found {address!r}{CURE.replace('cure: ', 'allowed:')}{ALLOWED}")
    name = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        family, _, _, _, place = socket.getaddrinfo(name, int(port), type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):  # UnicodeError: a name that is too long for DNS
        raise StateError(f"--listen: nobody knows the host {name!r}{CURE}give its address: {ALLOWED}") from None
    return family, (str(place[0]), int(place[1]))


def bound(family: int, place: tuple[str, int]) -> Server:
    kind = type("Server", (Server,), {"address_family": family})
    server: Server = kind(place, Handler)
    return server


def application(collector: Collector) -> WSGIApplication:
    from prometheus_client import CollectorRegistry, make_wsgi_app

    registry = CollectorRegistry()
    registry.register(collector)
    made: WSGIApplication = make_wsgi_app(registry)
    return made


def telling(application: WSGIApplication, warn: Callable[[str], None]) -> WSGIApplication:
    """What can't be read is told here and to the client: Prometheus shows it among its targets."""

    def answer(environment: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            return application(environment, start_response)
        except Exception as error:
            told = str(error) if isinstance(error, MinirunError) else unexpected(error)
            warn(f"a scrape failed: {told}")
            start_response("500 Internal Server Error", [("Content-Type", "text/plain; charset=utf-8")])
            return [f"{told}\n".encode(errors="backslashreplace")]

    return answer


def cure_of(error: OSError, port: int) -> str:
    cures = {
        EADDRINUSE: f"ss -ltnp 'sport = :{port}' names who listens there; or choose another port",
        EADDRNOTAVAIL: "ip address lists the addresses that this machine has",
        EACCES: "ports below 1024 are root's (ip(7), ip_unprivileged_port_start): choose another",
    }
    return f"{CURE}{cures[error.errno]}" if error.errno in cures else ""


def url(server: Server) -> str:
    host, port = server.server_address[:2]
    shown = f"[{host!s}]" if server.address_family == socket.AF_INET6 else str(host)
    return f"http://{shown}:{port}/metrics"


def serve(server: Server, ready: Callable[[], None]) -> None:
    """Until a signal asks for an end. `ready` is called when requests are answered, or wait to be. Whoever is still
    served when the end comes is not waited for, so the socket is left to the process's end, too."""
    with Waiting() as waiting:
        for _ in range(CLIENTS):  # in here, so that the signals are the main thread's
            Thread(target=server.serve_without_end, daemon=True).start()
        ready()
        with suppress(Stopped):
            waiting.wait(None)
