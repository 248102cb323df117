"""Published ports: `8080:80`, `127.0.0.1:8080:80`, `[fd99::1]:5353:53/udp`."""

from __future__ import annotations

from ipaddress import ip_address

from ..errors import CURE, StateError
from ..record import Record

PROTOCOLS = ("tcp", "udp")
ALLOWED = "\n  allowed: [ADDRESS:]PORT:PORT[/tcp|/udp], the host's first; an address of IPv6 in [brackets]"


class Port(Record):
    """A port of the host's, at one of its addresses or ("") at all, that leads to one of the container's."""

    address: str
    host: int
    container: int
    protocol: str

    def __str__(self) -> str:
        address = f"[{self.address}]:" if ":" in self.address else f"{self.address}:" if self.address else ""
        return f"{address}{self.host}:{self.container}/{self.protocol}"

    @property
    def version(self) -> int:
        """Of the internet protocol; 0 for both."""
        return ip_address(self.address).version if self.address else 0

    def clashes(self, other: Port) -> bool:
        """Whether a packet could be for both."""
        same = (self.host, self.protocol) == (other.host, other.protocol)
        return same and (self.address == other.address or not (self.address and other.address))


def read_port(text: str) -> Port:
    """Raises StateError."""
    ports, _, protocol = text.partition("/")
    front, _, container = ports.rpartition(":")
    address, _, host = front.rpartition(":")
    if (protocol or "tcp") not in PROTOCOLS:
        raise StateError(f"can't publish {text!r}: no protocol {protocol!r}{ALLOWED}")
    return Port(address_part(address, text), number(host, text), number(container, text), protocol or "tcp")


def number(word: str, text: str) -> int:
    if not (word.isascii() and word.isdigit() and 0 < int(word) < 1 << 16):
        raise StateError(f"can't publish {text!r}: {word!r} is no port{ALLOWED}")
    return int(word)


def address_part(word: str, text: str) -> str:
    """0.0.0.0 is said by those who know it from sockets: all addresses."""
    if not word:
        return ""
    try:
        found = ip_address(word[1:-1] if word[0] == "[" else word)
    except ValueError:
        raise StateError(f"can't publish {text!r}: {word!r} is no address{ALLOWED}") from None
    if found.version == 6 and found.is_loopback:
        raise StateError(f"can't publish {text!r}: what is sent to ::1 never leaves lo{CURE}publish at 127.0.0.1")
    return "" if found.is_unspecified else str(found)
