"""Network devices and their addresses, by rtnetlink(7) and pyroute2.

pyroute2 takes longer to import than a whole container takes to start, so it is imported where it is used. Attributes
are asked for by the kernel's names: Debian 12's pyroute2 0.7.2 knows no others.
"""

from __future__ import annotations

import os

from .constants import CLONE_NEWNET
from .libc import Flags, SystemCallError, show
from .namespaces import setns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

IFF_UP = 1  # net/if.h
AF_INET, AF_INET6 = 2, 10  # bits/socket.h
RTN_UNICAST = 1  # linux/rtnetlink.h
IFA_F_PERMANENT, RT_SCOPE_UNIVERSE = 0x80, 0  # linux/if_addr.h, linux/rtnetlink.h


class Network:
    """A network namespace, by a netlink socket that was opened in it and stays there (network_namespaces(7))."""

    def __init__(self, namespace: int) -> None:
        """`namespace` is a descriptor; this process enters it for as long as it takes to open the socket."""
        from pyroute2 import IPRoute

        self.namespace = namespace
        own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            setns(namespace, CLONE_NEWNET)
            try:
                self.netlink = IPRoute()
                self.names()  # the socket is opened with the first request
            finally:
                setns(own, CLONE_NEWNET)
        finally:
            os.close(own)

    def close(self) -> None:
        self.netlink.close()

    def names(self) -> dict[str, int]:
        """The devices' names and numbers."""
        return {link.get_attr("IFLA_IFNAME"): link["index"] for link in self.netlink.get_links()}

    def is_up(self, index: int) -> bool:
        (link,) = self.netlink.get_links(index)
        return bool(link["flags"] & IFF_UP)

    def permanent_addresses(self, index: int) -> list[dict[str, Any]]:
        """What config-linux.md#network-devices wants kept: permanent addresses of global scope, of any family."""
        return [
            {"family": message["family"], "prefixlen": message["prefixlen"], **told(message)}
            for message in self.netlink.get_addr(index=index)
            if flags_of(message) & IFA_F_PERMANENT and message["scope"] == RT_SCOPE_UNIVERSE
        ]

    def move(self, index: int, name: str, to: Network) -> int:
        """RTM_SETLINK with IFLA_NET_NS_FD and IFLA_IFNAME; the number that the device has there."""
        before = set(to.names().values())
        call = show("RTM_SETLINK", index, Flags("IFLA_NET_NS_FD"), name)
        self.request(lambda: self.netlink.link("set", index=index, net_ns_fd=to.namespace, ifname=name), call)
        (moved,) = set(to.names().values()) - before
        return moved

    def add_address(self, index: int, address: dict[str, Any]) -> None:
        """RTM_NEWADDR"""
        call = show("RTM_NEWADDR", index, Flags(address))
        self.request(lambda: self.netlink.addr("add", index=index, **address), call)

    def set_up(self, index: int) -> None:
        """RTM_SETLINK with IFF_UP"""
        call = show("RTM_SETLINK", index, Flags("IFF_UP"))
        self.request(lambda: self.netlink.link("set", index=index, state="up"), call)

    def request(self, send: Callable[[], object], call: str) -> None:
        from pyroute2.netlink.exceptions import NetlinkError

        try:
            send()
        except NetlinkError as error:
            raise SystemCallError(error.code, "sendmsg", call) from None


def flags_of(message: Any) -> int:
    """IFA_FLAGS has those for which the byte in the message is too small; old kernels have no such attribute."""
    return int(message.get_attr("IFA_FLAGS") or message["flags"])


def told(message: Any) -> dict[str, Any]:
    """The attributes that make the address the same again; IPv4 has the address itself in IFA_LOCAL, IPv6 has not."""
    attributes = {name: message.get_attr(f"IFA_{name.upper()}") for name in ("local", "address", "broadcast")}
    return {name: value for name, value in attributes.items() if value is not None}


# ---- of this process's own namespace, which takes no right


def own_routes() -> list[tuple[str, int, tuple[str, ...]]]:
    """RTM_GETROUTE: the unicast routes of every table (rtnetlink(7)), as address, length of the prefix and devices. A
    default route has no address in the message, and is left out."""
    from pyroute2 import IPRoute

    with IPRoute() as netlink:
        names = names_by_index(netlink)
        messages = [message for family in (AF_INET, AF_INET6) for message in netlink.get_routes(family=family)]
    return [
        (message.get_attr("RTA_DST"), message["dst_len"], tuple(names.get(index, "?") for index in ways_out(message)))
        for message in messages
        if message["type"] == RTN_UNICAST and message["dst_len"]
    ]


def own_addresses() -> list[tuple[str, int, str]]:
    """RTM_GETADDR: addresses, each with the length of its network's prefix and its device. Where the other end of a
    link is said, the network is that one's (ip-address(8), peer), and the own address is one for itself."""
    from pyroute2 import IPRoute

    with IPRoute() as netlink:
        names = names_by_index(netlink)
        messages = list(netlink.get_addr())
    told_of = [(message, names.get(message["index"], "?")) for message in messages]
    found = [(message.get_attr("IFA_ADDRESS"), message["prefixlen"], name) for message, name in told_of]
    own = [(message.get_attr("IFA_LOCAL"), name) for message, name in told_of]
    return [*found, *((address, 128 if ":" in address else 32, name) for address, name in own if address)]


def names_by_index(netlink: Any) -> dict[int, str]:
    return {link["index"]: link.get_attr("IFLA_IFNAME") for link in netlink.get_links()}


def ways_out(route: Any) -> list[int]:
    """A route has one device, or several with their shares (ip-route(8), nexthop)."""
    only = route.get_attr("RTA_OIF")
    return [only] if only else [hop["oif"] for hop in route.get_attr("RTA_MULTIPATH") or ()]
