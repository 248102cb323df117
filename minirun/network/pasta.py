"""A network without root by pasta(1), which hands what the container sends over to sockets of the host, and is told at
its start which ports lead in."""

from __future__ import annotations

import contextlib
import os
from ipaddress import ip_network

from ..kernel import files, processes, signals
from ..kernel.programs import find
from .operation import NetworkRefused, Operation
from .user_mode import LINK, path_of, start_and_wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .links import Sites
    from .networks import Network
    from .pool import Lease
    from .ports import Port

INSTALL = "apt-get install passt"
# It would stay when the container has gone: it holds on to the namespace. So a shell waits for the container's process,
# and then ends itself and all that it has started, a process group of their own. The shell's output is the pipe that
# pasta reports to; nobody else keeps it open.
SCRIPT = 'container=$1; shift; "$@" & exec >/dev/null; tail --pid="$container" -f /dev/null; kill -- -$$'
NONE = ("none",)  # else pasta forwards what somebody listens at, on both sides


def pasta_plan(network: Network, lease: Lease, directory: str) -> tuple[Operation, ...]:
    return (StartPasta(network.subnet(4), lease.ports, path_of(directory, network, lease.id)),)


class StartPasta(Operation):
    """It enters the container's user namespace, which gives it all rights over the network namespace in there, and
    makes a tap device in it. What the container sends to the gateway stays there: the host's loopback is not for it."""

    man = "pasta(1)"

    subnet: str
    ports: tuple[Port, ...]
    note: str  # the file that has its process group

    def describe(self) -> str:
        published = f", and {', '.join(map(str, self.ports))} published" if self.ports else ""
        return f"start pasta as the container's {LINK}, with addresses of {self.subnet}{published}"

    def words(self) -> tuple[str, ...]:
        subnet = ip_network(self.subnet)
        addresses = ("--address", subnet[100], "--netmask", subnet.prefixlen, "--gateway", subnet[2])
        names = ("--dns-forward", subnet[3])
        return (
            *("--foreground", "--quiet", "--ipv4-only", "--config-net", "--ns-ifname", LINK, "--no-map-gw"),
            *map(str, (*addresses, *names)),
            *self.forwarded("tcp"),
            *self.forwarded("udp"),
            *("--tcp-ns", "none", "--udp-ns", "none", "--pid", "/dev/fd/1"),
        )

    def forwarded(self, protocol: str) -> tuple[str, ...]:
        found = tuple(place(port) for port in self.ports if port.protocol == protocol)
        return tuple(word for port in found or NONE for word in (f"--{protocol}-ports", port))

    def shell(self) -> str:
        return f'setsid sh -c \'{SCRIPT}\' sh "$pid" pasta {" ".join(self.words())} "$pid" &'

    def apply(self, sites: Sites) -> None:
        if any(port.version == 6 for port in self.ports):
            raise NetworkRefused("pasta is started for IPv4 only", "publish at an address of that")
        start_and_wait("pasta", lambda telling, errors: self.start(sites.pid, telling, errors))

    def start(self, pid: int, telling: int, errors: int) -> None:
        """Processes that go on when this one has ended."""
        import subprocess

        program, shell = find("pasta"), find("sh")
        if program is None or shell is None:
            raise NetworkRefused("there is no program pasta", INSTALL)
        play = [shell, "-c", SCRIPT, "sh", str(pid), program, *self.words(), str(pid)]
        environment = {"PATH": "/usr/bin:/bin"}
        playing = subprocess.Popen(
            play,
            stdin=subprocess.DEVNULL,
            stdout=telling,
            stderr=errors,
            start_new_session=True,
            cwd="/",
            env=environment,
        )
        playing.returncode = 0  # nobody waits for it
        try:
            self.write_note(playing.pid)
        except OSError:
            os.killpg(playing.pid, signals.SIGTERM)  # without the note, `undo` would not know of it
            raise

    def write_note(self, pid: int) -> None:
        stat = processes.stat_fields(pid)
        started = processes.start_time(stat) if stat else 0
        files.replace_file(self.note, f"{pid} {started}\n".encode(), 0o600)

    def undo(self, sites: Sites) -> None:
        """It has ended with the container, but for one whose network is taken away while it runs."""
        if not files.is_there(self.note):
            return
        with contextlib.suppress(ValueError, ProcessLookupError):
            pid, started = map(int, files.read_regular(self.note, 100).split())
            if processes.stat_fields(pid, started) is not None:
                os.killpg(pid, signals.SIGTERM)
        os.unlink(self.note)


def place(port: Port) -> str:
    address = f"{port.address}/" if port.address else ""
    return f"{address}{port.host}:{port.container}"
