"""What the host reaches already, as its routes and addresses say (rtnetlink(7)). A network of the same addresses would
take its place, or be unreachable itself."""

from __future__ import annotations

import os
from ipaddress import ip_network

from ..errors import CURE, FILTERED, StateError, reason
from ..kernel import files, netlink
from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from ipaddress import IPv4Network, IPv6Network

    Subnet = IPv4Network | IPv6Network

# A route with a shorter prefix is a default route in pieces, as VPNs set it up to go before the one that is there:
# 0.0.0.0/1 and 128.0.0.0/1, 2000::/3. Every network is an exception from it.
PIECE = 8


class Taken(Record):
    """A part of the address space, and what it is taken by."""

    subnet: Subnet
    what: str


def taken_here() -> list[Taken]:
    """In this process's network namespace. Addresses, too: those of a link that is down have no route. Raises
    StateError."""
    try:
        return [*by_routes(), *by_addresses()]
    except OSError as error:
        raise StateError(f"can't ask the kernel for the host's routes: {reason(error)}{CURE}{FILTERED}") from None


def by_routes() -> Iterator[Taken]:
    for address, length, links in netlink.own_routes():
        if length >= PIECE:
            yield Taken(network_of(address, length), f"a route to {address}/{length} goes by {' and '.join(links)}")


def by_addresses() -> Iterator[Taken]:
    for address, length, link in netlink.own_addresses():
        yield Taken(network_of(address, length), f"{link} has the address {address}/{length}")


def network_of(address: str, length: int) -> Subnet:
    return ip_network((address, length), strict=False)


NO_IPV6 = "/proc/sys/net/ipv6/conf/default/disable_ipv6"  # of links that are made later (ip-sysctl.rst)


def has_ipv6() -> bool:
    """Whether a bridge can have such an address: the kernel may be built without, and many people switch it off."""
    return os.path.exists(NO_IPV6) and files.read_file(NO_IPV6).strip() == "0"


def overlap(one: Subnet, other: Subnet) -> bool:
    return one.version == other.version and one.overlaps(other)
