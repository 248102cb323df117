"""What containers have as /etc/hosts and /etc/resolv.conf: two files of the network, which config.json binds there."""

from __future__ import annotations

import os
from ipaddress import ip_address

from ..kernel import files
from .operation import Operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .links import Sites
    from .networks import Network
    from .pool import Lease

TAKEN = ("localhost", "ip6-localhost", "ip6-loopback", "host.minirun")
LOCAL = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"
# The second has what systemd-resolved asks in turn, where the first only names it, on the host's loopback.
RESOLVERS = ("/etc/resolv.conf", "/run/systemd/resolve/resolv.conf")
MOST = 1 << 20  # bytes


def hosts(network: Network, leases: Iterable[Lease]) -> str:
    """The host by the name `host.minirun`, each container by its id and its hostname. An id is one container's alone,
    so it comes first; a hostname that several have is the first one's. Whoever wrote a container's config.json chose
    its hostname: it is none that means another here, for getaddrinfo(3) takes all lines of a name together."""
    found = sorted(leases, key=lambda lease: lease.id)
    lines = [f"{gateway} host.minirun" for gateway in network.gateways]
    lines += [f"{address} {lease.id}" for lease in found for address in lease.addresses]
    owned = {*TAKEN, *(lease.id.lower() for lease in found)}
    named = [lease for lease in found if lease.hostname and lease.hostname.lower() not in owned]
    lines += [f"{address} {lease.hostname}" for lease in named for address in lease.addresses]
    return LOCAL + "".join(f"{line}\n" for line in dict.fromkeys(lines))


def resolv_conf(network: Network) -> str:
    """The network's own servers, or those of the host that a container can reach."""
    servers = list(network.dns) or next(filter(None, map(reachable, RESOLVERS)), [])
    if not servers:
        return "# the host knows no server that a container could reach: minirun network create --dns\n"
    return "".join(f"nameserver {server}\n" for server in servers)


def reachable(path: str) -> list[str]:
    """The servers in a resolv.conf(5) that are not on the host's own loopback."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            words = [line.split() for line in file]
    except OSError:
        return []
    return [line[1] for line in words if len(line) > 1 and line[0] == "nameserver" and not is_loopback(line[1])]


def is_loopback(address: str) -> bool:
    try:
        return ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return True


def rewrite(path: str, text: str) -> None:
    """In place: who has the file mounted sees it at once. Readers find the old text, the new one, or for a moment the
    new one with the old one's end."""
    descriptor = files.open_regular(path, os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        data = text.encode()
        os.pwrite(descriptor, data, 0)
        os.ftruncate(descriptor, len(data))
    finally:
        os.close(descriptor)


class WriteNames(Operation):
    """The file that all containers of the network have as /etc/hosts, by a mount in their config.json. It is written
    where it is, not replaced: the mounts are of this very file."""

    man = "hosts(5)"

    path: str
    text: str

    def describe(self) -> str:
        return f"write the names of all containers in the network to {self.path}"

    def shell(self) -> str:
        return f"cat > {self.path} <<'END'\n{self.text}END"

    def apply(self, sites: Sites) -> None:
        rewrite(self.path, self.text)
