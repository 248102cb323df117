"""Networks: what people have asked for, a small file each. The kernel's part is made from it whenever it is missing, so
that a reboot takes nothing away.

    /var/lib/minirun/networks/web.json          the network
    /var/lib/minirun/networks/web.hosts         what its containers have as /etc/hosts (names.py)
    /var/lib/minirun/networks/web.resolv.conf   what they have as /etc/resolv.conf
    /var/lib/minirun/networks/.leases.json      who has which address, in all networks (pool.py)
"""

from __future__ import annotations

import json
import os
from errno import ENOENT
from ipaddress import ip_address, ip_network

from ..errors import CURE, StateError, reason
from ..kernel import files
from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

DEFAULT_NETWORKS = "/var/lib/minirun/networks"
NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
LONGEST_NAME = 40
TABLES = "minirun_"  # how their names begin
LISTS = ("subnets", "gateways", "dns")
BRIDGE, SLIRP, PASTA = "bridge", "slirp4netns", "pasta"
DRIVERS = (BRIDGE, SLIRP, PASTA)


class Network(Record):
    """A network as its file has it. `subnets` and `gateways` are in the same order, one of each family at most."""

    name: str
    driver: str
    subnets: tuple[str, ...]
    gateways: tuple[str, ...]
    bridge: str
    dns: tuple[str, ...] = ()

    @property
    def table(self) -> str:
        """Of nftables, in the family inet."""
        return f"{TABLES}{self.name}"

    def subnet(self, version: int) -> str:
        """Of IPv4 or IPv6; "" without one."""
        return next((one for one in self.subnets if ip_network(one).version == version), "")

    def address_with_prefix(self, address: str) -> str:
        """ "10.89.0.2/24" for "10.89.0.2"."""
        subnet = next(one for one in map(ip_network, self.subnets) if ip_address(address) in one)
        return f"{address}/{subnet.prefixlen}"

    def to_json(self) -> dict[str, Any]:
        return {name: list(value) if isinstance(value, tuple) else value for name, value in self.named()}

    def named(self) -> Iterator[tuple[str, Any]]:
        return zip(self.fields, self.values())


def directory_of(given: str | None) -> str:
    """Where networks are: root's, or those of a user without root."""
    if given:
        return os.path.abspath(given)
    if os.geteuid() == 0:
        return DEFAULT_NETWORKS
    return f"{os.environ.get('XDG_DATA_HOME') or os.path.expanduser('~/.local/share')}/minirun/networks"


def checked_network_name(name: str | None) -> str:
    """Raises StateError."""
    if not name:
        raise StateError(f"which network?{CURE}minirun network list has them all")
    if not NAME_CHARACTERS.issuperset(name) or name[0] == "-" or len(name) > LONGEST_NAME:
        raise StateError(
            f"a network can't be called {name!r}\n  allowed: letters, digits, _ and -, at most {LONGEST_NAME}"
        )
    return name


def network_file(directory: str, name: str, ending: str = "json") -> str:
    return f"{directory}/{name}.{ending}"


def read_network(directory: str, name: str | None) -> Network:
    """Raises StateError."""
    path = network_file(directory, checked_network_name(name))
    try:
        found = json.loads(files.read_regular(path, 1 << 20))
        values: dict[str, Any] = {key: tuple(found[key]) if key in LISTS else found[key] for key in Network.fields}
        return Network(**values)
    except OSError as error:
        if error.errno == ENOENT:
            raise StateError(f"there is no network {name}{CURE}minirun network create {name}") from None
        raise StateError(f"can't read {path!r}: {reason(error)}") from None
    except (ValueError, TypeError, KeyError) as error:
        raise StateError(f"{path!r} is damaged: {error}{CURE}remove it, and create the network anew") from None


def network_names(directory: str) -> list[str]:
    if not os.path.isdir(directory):
        return []
    found = (entry.removesuffix(".json") for entry in os.listdir(directory) if entry.endswith(".json"))
    return sorted(name for name in found if name and name[0] != ".")


def all_networks(directory: str) -> list[Network]:
    return [read_network(directory, name) for name in network_names(directory)]


def save_network(directory: str, network: Network) -> None:
    os.makedirs(directory, mode=0o755, exist_ok=True)
    text = json.dumps(network.to_json(), indent=2) + "\n"
    files.replace_file(network_file(directory, network.name), text.encode(), 0o644)


def forget_network(directory: str, name: str) -> None:
    for ending in ("hosts", "resolv.conf", "json"):
        path = network_file(directory, name, ending)
        if os.path.lexists(path):
            os.unlink(path)
