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
from hashlib import sha256
from ipaddress import ip_address, ip_network

from ..errors import CURE, StateError, reason
from ..kernel import files
from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from ipaddress import IPv4Network, IPv6Network
    from typing import Any

    Subnet = IPv4Network | IPv6Network

DEFAULT_NETWORKS = "/var/lib/minirun/networks"
NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
LONGEST_NAME = 40
LONGEST_LINK = 15  # IFNAMSIZ less the NUL (netdevice(7))
LISTS = ("subnets", "gateways", "dns")
BRIDGE, ROOTLESS = "bridge", "slirp4netns"


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
        return f"minirun_{self.name}"

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


# ---- a new one


def new_network(
    name: str,
    subnets: tuple[str, ...],
    gateways: tuple[str, ...],
    bridge: str,
    dns: tuple[str, ...],
    others: list[Network],
) -> Network:
    """What is not said is chosen: subnets that no other network has, the first address of each for the host. Raises
    StateError."""
    chosen = [subnet_of(text) for text in subnets] or [free_subnet(others), private_subnet(name)]
    if len({one.version for one in chosen}) < len(chosen):
        raise StateError("a network has one subnet of IPv4, one of IPv6, or both")
    refuse_overlap(chosen, others)
    refuse_taken_bridge(bridge, others)
    return Network(
        checked_network_name(name),
        BRIDGE,
        tuple(map(str, chosen)),
        tuple(gateway_of(one, gateways) for one in chosen),
        bridge_name(name, bridge),
        tuple(str(address_of(text)) for text in dns),
    )


def new_rootless_network(name: str, subnets: tuple[str, ...], dns: tuple[str, ...], others: list[Network]) -> Network:
    """One of slirp4netns(1): its addresses have their meaning by their number. Raises StateError."""
    chosen = subnet_of(subnets[0]) if subnets else free_subnet(others)
    if len(subnets) > 1 or chosen.version != 4 or chosen.num_addresses < 256:
        raise StateError(f"without root, a network has one subnet of IPv4\n  allowed: /24 or more{CURE}--subnet once")
    servers = tuple(str(address_of(text)) for text in dns) or (str(chosen[3]),)
    return Network(checked_network_name(name), ROOTLESS, (str(chosen),), (str(chosen[2]),), "", servers)


def subnet_of(text: str) -> Subnet:
    try:
        found = ip_network(text)
    except ValueError as error:
        raise StateError(f"--subnet {text!r}: {error}\n  allowed: such as 10.89.0.0/24 or fd4d:1::/64") from None
    if found.num_addresses < 4:
        raise StateError(f"--subnet {text!r} has no room for a host and containers\n  allowed: /30 or more, /126")
    return found


def address_of(text: str) -> Any:
    try:
        return ip_address(text)
    except ValueError as error:
        raise StateError(f"{error}\n  allowed: such as 10.89.0.1 or fd4d:1::1") from None


def free_subnet(others: list[Network]) -> Subnet:
    """The first of 10.89.0.0/24, 10.89.1.0/24 and so on that is nobody's."""
    taken = [ip_network(one) for other in others for one in other.subnets]
    for third in range(256):
        subnet = ip_network(f"10.89.{third}.0/24")
        if not any(subnet.overlaps(one) for one in taken if one.version == 4):
            return subnet
    raise StateError(f"no subnet of 10.89.0.0/16 is left{CURE}--subnet names another")


def private_subnet(name: str) -> Subnet:
    """One of the fd00::/8 that everybody may take at random (RFC 4193)."""
    random = os.urandom(5).hex()
    return ip_network(f"fd{random[:2]}:{random[2:6]}:{random[6:]}::/64")


def gateway_of(subnet: Subnet, gateways: tuple[str, ...]) -> str:
    for found in map(address_of, gateways):
        if found.version == subnet.version:
            if found not in subnet or found in (subnet.network_address, subnet.broadcast_address):
                raise StateError(f"--gateway {found} is no host's address in {subnet}")
            return str(found)
    return str(subnet[1])


def refuse_overlap(chosen: list[Subnet], others: list[Network]) -> None:
    for other in others:
        for theirs in map(ip_network, other.subnets):
            if any(one.version == theirs.version and one.overlaps(theirs) for one in chosen):
                raise StateError(f"{theirs} is the network {other.name}'s{CURE}--subnet names another")


def bridge_name(name: str, bridge: str) -> str:
    """As people know it from other programs, where there is room in a link's name."""
    if not bridge:
        return f"mr-{name}" if len(name) <= LONGEST_LINK - 3 else f"mr-{sha256(name.encode()).hexdigest()[:12]}"
    if len(bridge) > LONGEST_LINK or not NAME_CHARACTERS.issuperset(bridge):
        raise StateError(
            f"a bridge can't be called {bridge!r}\n  allowed: at most {LONGEST_LINK} letters, digits, _, -"
        )
    return bridge


def refuse_taken_bridge(bridge: str, others: list[Network]) -> None:
    for other in others:
        if bridge and other.bridge == bridge:
            raise StateError(f"{bridge} is the network {other.name}'s bridge{CURE}--bridge names another")
