"""A network without root by slirp4netns(1), which speaks TCP/IP to the container by itself, and is asked for ports
through a socket while it runs."""

from __future__ import annotations

import contextlib
import json
import os

from ..kernel import signals
from ..kernel.programs import find
from .operation import NetworkRefused, Operation
from .user_mode import LINK, PATIENCE, TAKEN, path_of, start_and_wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any

    from .links import Sites
    from .networks import Network
    from .pool import Lease
    from .ports import Port

    Json = dict[str, Any]

MTU = 65520  # what slirp4netns takes at most: fewer packets for it to carry
INSTALL = "apt-get install slirp4netns"


def slirp_plan(network: Network, lease: Lease, directory: str) -> tuple[Operation, ...]:
    path = path_of(directory, network, lease.id)
    return (
        StartSlirp(network.subnet(4), path),
        *(ForwardPort(path, port, lease.addresses[0]) for port in lease.ports),
    )


class StartSlirp(Operation):
    """It enters the container's user namespace, which gives it all rights over the network namespace in there, and
    makes a tap device in it. It ends when its standard input does: that is held open by a program that waits for the
    container's process."""

    man = "slirp4netns(1)"

    subnet: str
    socket: str

    def describe(self) -> str:
        return f"start slirp4netns as the container's {LINK}, with addresses of {self.subnet}"

    def words(self) -> tuple[str, ...]:
        cidr = ("--cidr", self.subnet)
        return (
            "--configure",
            f"--mtu={MTU}",
            "--disable-host-loopback",
            "--exit-fd=0",
            *cidr,
            "--api-socket",
            self.socket,
        )

    def shell(self) -> str:
        return f'tail --pid="$pid" -f /dev/null | slirp4netns {" ".join(self.words())} "$pid" {LINK} &'

    def apply(self, sites: Sites) -> None:
        remove_socket(self.socket)
        start_and_wait("slirp4netns", lambda telling, errors: self.start(sites.pid, telling, errors))

    def start(self, pid: int, telling: int, errors: int) -> None:
        """Two processes, which go on when this one has ended."""
        import subprocess

        program, waiter = find("slirp4netns"), find("tail")
        if program is None or waiter is None:
            raise NetworkRefused("there is no program slirp4netns", INSTALL)
        alone: Json = {"start_new_session": True, "cwd": "/", "env": {}}
        wait = [waiter, f"--pid={pid}", "-f", "/dev/null"]
        waiting = subprocess.Popen(wait, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **alone)
        play = [program, *self.words(), f"--ready-fd={telling}", str(pid), LINK]
        playing = subprocess.Popen(
            play, stdin=waiting.stdout, stdout=errors, stderr=errors, pass_fds=(telling,), **alone
        )
        assert waiting.stdout
        waiting.stdout.close()
        waiting.returncode = playing.returncode = 0  # nobody waits for them

    def undo(self, sites: Sites) -> None:
        """It has ended with the container, but for one whose network is taken away while it runs."""
        connection = connected(self.socket)
        if connection:
            with connection, contextlib.suppress(ProcessLookupError):
                pid = listener(connection)
                if pid:  # 0 is one of another pid namespace, and kill(2) takes it for our own group
                    os.kill(pid, signals.SIGTERM)
        remove_socket(self.socket)


class ForwardPort(Operation):
    """slirp4netns listens on the host, as the user: ports below 1024 are not for everybody (ip(7))."""

    man = "slirp4netns(1)"

    socket: str
    port: Port
    address: str  # the container's

    def describe(self) -> str:
        where = f" at {self.port.address}" if self.port.address else ""
        return f"publish port {self.port.container}/{self.port.protocol} as the host's port {self.port.host}{where}"

    def request(self) -> str:
        place = {"host_addr": self.port.address or "0.0.0.0", "host_port": self.port.host}
        to = {"guest_addr": self.address, "guest_port": self.port.container}
        return json.dumps({"execute": "add_hostfwd", "arguments": {"proto": self.port.protocol, **place, **to}})

    def shell(self) -> str:
        return f"echo '{self.request()}' | ncat -U {self.socket}"

    def apply(self, sites: Sites) -> None:
        if self.port.version == 6:
            raise NetworkRefused("slirp4netns listens at addresses of IPv4 only", "publish at one of these")
        connection = connected(self.socket)
        if connection is None:
            raise NetworkRefused("slirp4netns does not listen", "look whether it runs: ps -C slirp4netns")
        with connection:
            connection.sendall(self.request().encode())
            connection.shutdown(1)
            answer = json.loads(connection.recv(1 << 16))
        if "error" in answer:
            why = str(answer["error"].get("desc", answer["error"]))
            raise NetworkRefused(why, TAKEN)


def connected(path: str) -> socket.socket | None:
    import socket

    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(PATIENCE)
        connection.connect(path)
        return connection
    except OSError:  # nobody listens, or nobody has ever
        connection.close()
        return None


def listener(connection: socket.socket) -> int:
    """The pid of who has called listen(2) (unix(7), SO_PEERCRED)."""
    import socket

    told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int.from_bytes(told[:4], "little")


def remove_socket(path: str) -> None:
    if os.path.lexists(path):
        os.unlink(path)
