"""What a new network is: as somebody has said it, checked, and what nobody has said, chosen."""

from __future__ import annotations

import os
from hashlib import sha256
from ipaddress import ip_address, ip_network

from ..errors import CURE, StateError
from .networks import BRIDGE, NAME_CHARACTERS, SLIRP, Network, checked_network_name
from .taken import has_ipv6, overlap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .taken import Subnet, Taken

LONGEST_LINK = 15  # IFNAMSIZ less the NUL (netdevice(7))
# Where a network is looked for that nobody has named: private addresses (RFC 1918), where few others look first.
CHOICES = ("10.89.0.0/16", "172.30.0.0/16", "192.168.128.0/17")
WIDEST = 8  # bits of a prefix: what is shorter is a part of the internet, not a network
# The registries of special addresses (RFC 6890), as far as a network of these would do harm or no good.
SPECIAL = {
    "0.0.0.0/8": "means this host (RFC 1122, 3.2.1.3)",
    "127.0.0.0/8": "is every host's own loopback",
    "169.254.0.0/16": "is for one link, and routers don't pass it on (RFC 3927, 7)",
    "224.0.0.0/4": "is for multicast",
    "255.255.255.255/32": "is everybody's on a link",
    "::/127": "is every host's own loopback",
    "::ffff:0:0/96": "is IPv4 in the sockets of a program (RFC 4291, 2.5.5.2)",
    "fe80::/10": "is for one link, and routers don't pass it on (RFC 4291, 2.5.6)",
    "ff00::/8": "is for multicast",
}


def new_network(
    name: str,
    subnets: tuple[str, ...],
    gateways: tuple[str, ...],
    bridge: str,
    dns: tuple[str, ...],
    others: list[Network],
    taken: Sequence[Taken] = (),
) -> Network:
    """What is not said is chosen: subnets that nobody has, the first address of each for the host. `taken` is what the
    host reaches in another way. Raises StateError."""
    chosen = [subnet_of(text) for text in subnets] or free_subnets(others, taken)
    if len({one.version for one in chosen}) < len(chosen):
        raise StateError("a network has one subnet of IPv4, one of IPv6, or both")
    refuse_ipv6_without_it(chosen)
    refuse_overlap(chosen, others)
    refuse_taken(chosen, taken)
    refuse_taken_bridge(bridge, others)
    refuse_idle_gateways(gateways, chosen)
    return Network(
        checked_network_name(name),
        BRIDGE,
        tuple(map(str, chosen)),
        tuple(gateway_of(one, gateways) for one in chosen),
        bridge_name(name, bridge),
        tuple(str(address_of(text)) for text in dns),
    )


def new_rootless_network(
    name: str,
    subnets: tuple[str, ...],
    dns: tuple[str, ...],
    others: list[Network],
    taken: Sequence[Taken] = (),
    driver: str = SLIRP,
) -> Network:
    """One of slirp4netns(1), or of pasta(1) with the same addresses: they have their meaning by their number. What the
    host reaches by the same ones, its containers would not. Raises StateError."""
    chosen = subnet_of(subnets[0]) if subnets else free_subnet(others, taken)
    if len(subnets) > 1 or chosen.version != 4 or chosen.num_addresses < 256:
        raise StateError(f"without root, a network has one subnet of IPv4\n  allowed: /24 or more{CURE}--subnet once")
    refuse_taken([chosen], taken)
    servers = tuple(str(address_of(text)) for text in dns) or (str(chosen[3]),)
    return Network(checked_network_name(name), driver, (str(chosen),), (str(chosen[2]),), "", servers)


def refuse_what_is_another_drivers(driver: str, given: dict[str, object], *, is_root: bool) -> None:
    """A bridge is root's, and a program of the user's is everybody else's; without a bridge, it has no name and no
    address to choose. Raises StateError."""
    if is_root and driver not in ("", BRIDGE):
        raise StateError(f"{driver} is for networks without root\n  allowed: bridge{CURE}no --driver")
    if not is_root and driver == BRIDGE:
        raise StateError(f"only root makes a bridge\n  allowed: slirp4netns, pasta{CURE}no --driver, or sudo")
    for name, value in given.items():
        if value and not is_root:
            raise StateError(f"without root there is no bridge, and nothing to do with --{name}{CURE}leave it out")


def subnet_of(text: str) -> Subnet:
    """Raises StateError for what is none, or none that containers could use."""
    try:
        found = ip_network(text)
    except ValueError as error:
        raise StateError(f"--subnet {text!r}: {error}\n  allowed: such as 10.89.0.0/24 or fd4d:1::/64") from None
    if found.num_addresses < 4:
        raise StateError(f"--subnet {text!r} has no room for a host and containers\n  allowed: /30 or more, /126")
    if found.prefixlen < WIDEST:
        raise StateError(
            f"--subnet {text!r} is a part of the internet, which the host would reach no more"
            f"\n  allowed: such as 10.89.0.0/24 or fd4d:1::/64, at most a /{WIDEST}"
        )
    refuse_special(found)
    return found


def refuse_special(subnet: Subnet) -> None:
    for special, why in SPECIAL.items():
        if overlap(subnet, ip_network(special)):
            raise StateError(f"--subnet {str(subnet)!r}: {special} {why}{CURE}such as 10.89.0.0/24 or fd4d:1::/64")


def address_of(text: str) -> Any:
    try:
        return ip_address(text)
    except ValueError as error:
        raise StateError(f"{error}\n  allowed: such as 10.89.0.1 or fd4d:1::1") from None


def refuse_ipv6_without_it(chosen: list[Subnet]) -> None:
    """Else the first container would fail, by EACCES, or by a path that is not there."""
    for subnet in chosen:
        if subnet.version == 6 and not has_ipv6():
            raise StateError(
                f"--subnet {str(subnet)!r}: IPv6 is switched off here, or not in this kernel"
                f"{CURE}sysctl -w net.ipv6.conf.default.disable_ipv6=0; or a subnet of IPv4 alone"
            )


def free_subnets(others: list[Network], taken: Sequence[Taken]) -> list[Subnet]:
    """Of both families, as far as there are two here."""
    return [free_subnet(others, taken), *([private_subnet()] if has_ipv6() else [])]


def free_subnet(others: list[Network], taken: Sequence[Taken]) -> Subnet:
    """The first of 10.89.0.0/24, 10.89.1.0/24 and so on that is nobody's."""
    known = [*(ip_network(one) for other in others for one in other.subnets), *(one.subnet for one in taken)]
    for choice in CHOICES:
        for subnet in ip_network(choice).subnets(new_prefix=24):
            if not any(overlap(subnet, one) for one in known):
                return subnet
    raise StateError(
        f"no subnet of {', '.join(CHOICES)} is left{CURE}--subnet names another than those of: ip route show table all"
    )


def private_subnet() -> Subnet:
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


def refuse_idle_gateways(gateways: tuple[str, ...], chosen: list[Subnet]) -> None:
    """Those that would be nobody's: for each subnet there is one."""
    wanted = [address_of(gateway).version for gateway in gateways]
    if len(set(wanted)) < len(wanted) or not {one.version for one in chosen}.issuperset(wanted):
        raise StateError(
            f"--gateway {' and '.join(gateways)} for {' and '.join(map(str, chosen))}\n  allowed: one in each subnet"
        )


def refuse_overlap(chosen: list[Subnet], others: list[Network]) -> None:
    for other in others:
        for theirs in map(ip_network, other.subnets):
            if any(overlap(one, theirs) for one in chosen):
                raise StateError(f"{theirs} is the network {other.name}'s{CURE}--subnet names another")


def refuse_taken(chosen: list[Subnet], taken: Sequence[Taken]) -> None:
    """Else what is there would be reached no more, or the containers would not be."""
    for one in chosen:
        for other in taken:
            if overlap(one, other.subnet):
                raise StateError(
                    f"{one} is taken on this host: {other.what}"
                    f"{CURE}--subnet names another than those of: ip route show table all"
                )


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
