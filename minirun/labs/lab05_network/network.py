"""A network namespace as ip(8) tells it, which asks the kernel by netlink; and whether a ping comes back in it."""

from __future__ import annotations

import json
import os
import struct

from ...kernel.constants import CLONE_NEWNET
from ...kernel.namespaces import setns
from ...record import Record
from .. import look
from ..programs import said

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Json = dict[str, Any]

NAMED = "/run/netns"  # ip-netns(8)
ECHO_REQUEST, ECHO_REPLY = 8, 0  # icmp(7)
TRIES, SECONDS = 2, 0.5


class Network(Record):
    """What there is in a namespace."""

    name: str
    links: dict[str, Json]
    gateways: tuple[str, ...]  # of its default routes

    def link_of_peer(self, link: Json) -> Json | None:
        """The other end of a veth pair, if that is in here: each knows the other's number (veth(4))."""
        found = (one for one in self.links.values() if one["ifindex"] == link.get("link_index"))
        return next((one for one in found if one.get("link_index") == link["ifindex"]), None)


def network(name: str) -> Network | None:
    """None where there is no namespace of this name."""
    if not os.path.exists(f"{NAMED}/{name}"):
        return None
    links = json.loads(said("ip", "-n", name, "-json", "address") or "[]")
    routes = json.loads(said("ip", "-n", name, "-json", "route", "show", "default") or "[]")
    return Network(
        name,
        {one["ifname"]: one for one in links if "ifname" in one},
        tuple(route["gateway"] for route in routes if "gateway" in route),
    )


def is_up(link: Json) -> bool:
    return "UP" in link["flags"]


def has_address(link: Json, address: str) -> bool:
    """`address` is one with its prefix, such as 10.55.0.2/24."""
    return address in (f"{one['local']}/{one['prefixlen']}" for one in link["addr_info"])


def has_route_to(name: str, addresses: str) -> bool:
    return said("ip", "-n", name, "route", "show", "to", "match", addresses, "table", "main").strip() != ""


def forwards(name: str) -> bool:
    """/proc/sys/net is that of the reader's network namespace."""
    return within(name, lambda: look.read("/proc/sys/net/ipv4/ip_forward") == "1") is True


def reaches(name: str, address: str) -> bool:
    """Whether an echo request from there is answered."""
    return within(name, lambda: is_answered(address)) is True


def within(name: str, ask: Callable[[], object]) -> object:
    """What `ask` gives in that namespace. The child of `look.inside` enters it once more, by its file."""

    def enter_and_ask() -> object:
        setns(os.open(f"{NAMED}/{name}", os.O_RDONLY | os.O_CLOEXEC), CLONE_NEWNET)
        return ask()

    answer: object = look.inside(os.getpid(), (), enter_and_ask)
    return answer


def is_answered(address: str) -> bool:
    from socket import AF_INET, IPPROTO_ICMP, SOCK_RAW, socket

    identity = os.getpid() & 0xFFFF
    with socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) as icmp:
        icmp.settimeout(SECONDS)
        for sequence in range(TRIES):
            try:
                icmp.sendto(echo_request(identity, sequence), (address, 0))
                if is_reply(icmp.recv(2048), identity):
                    return True
            except OSError:  # no route, nobody at home, no answer in time
                continue
    return False


def echo_request(identity: int, sequence: int) -> bytes:
    """RFC 792. The checksum makes the sum of all words 0xFFFF."""
    words = (ECHO_REQUEST << 8, 0, identity, sequence)
    total = sum(words)
    total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!4H", words[0], ~total & 0xFFFF, *words[2:])


def is_reply(packet: bytes, identity: int) -> bool:
    """Behind an IP header, whose length in words is in its first byte."""
    kind, _code, _checksum, its_identity = struct.unpack_from("!BBHH", packet, (packet[0] & 0x0F) * 4)
    return kind == ECHO_REPLY and bool(its_identity == identity)
