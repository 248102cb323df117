"""NAT in the kernel: a table of minirun's own for each network, written and changed by nft(8). Nobody else's table is
looked at. Publishing a port adds an element to a map of the table, so that it is taken back by the opposite.
"""

from __future__ import annotations

from errno import ENOENT, EPERM
from ipaddress import ip_address

from ..errors import MinirunError
from ..kernel.programs import find
from .networks import TABLES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .networks import Network
    from .pool import Lease
    from .ports import Port

FAMILIES = {4: ("ipv4_addr", "ip"), 6: ("ipv6_addr", "ip6")}  # as nft calls them: an address, a packet
PORT = "inet_proto . inet_service"  # and a port, with its protocol

TABLE = """\
table inet {table} {{
{maps}
    chain published {{  # where to, instead of the host
{lookups}
    }}
    chain from_others {{
        type nat hook prerouting priority -100;
        fib daddr type local jump published
    }}
    chain from_the_host {{
        type nat hook output priority -100;
        ip6 daddr ::1 return  # the kernel lets it leave by no other link than lo: refused at once, not lost
        fib daddr type local jump published
    }}
    chain leaving {{
        type nat hook postrouting priority 100;
{masquerade}
    }}
    chain forward {{
        type filter hook forward priority 0;
        iifname "{bridge}" accept
        oifname "{bridge}" ct status dnat accept  # a published port
        oifname "{bridge}" ct state established,related accept  # an answer
        oifname "{bridge}" meta l4proto tcp reject with tcp reset  # ICMP comes too soon for a connect(2) of this host's
        oifname "{bridge}" reject
    }}
    chain not_to_loopback {{  # route_localnet would let containers at what listens on 127.0.0.1 only (CVE-2020-8558)
        type filter hook prerouting priority -300;
        iifname "{bridge}" ip daddr 127.0.0.0/8 drop
    }}
}}
"""


class NftError(MinirunError):
    """nft has refused."""


def table_text(network: Network, leases: Iterable[Lease] = ()) -> str:
    """The table as it is to be, with the published ports of these; in the place of the one that is there, at once.
    Deleting takes one that is there, so it is added before."""
    elements = [(port, lease) for lease in leases for port in lease.ports]
    versions = [version for version in FAMILIES if network.subnet(version)]
    return f"add table inet {network.table}\ndelete table inet {network.table}\n" + TABLE.format(
        table=network.table,
        bridge=network.bridge,
        maps="".join(map_text(network, version, elements) for version in versions),
        lookups="\n".join(line for version in versions for line in lookups(version)),
        masquerade="\n".join(line for version in versions for line in masquerade(network, version)),
    )


def map_text(network: Network, version: int, elements: list[tuple[Port, Lease]]) -> str:
    """Two maps: for ports at one address of the host's, and at all."""
    kind, texts = FAMILIES[version][0], []
    for name, key in ((f"at{version}", f"{kind} . {PORT}"), (f"all{version}", PORT)):
        own = [text for port, lease in elements for there, text in element_texts(network, port, lease) if there == name]
        listed = f"\n        elements = {{ {', '.join(own)} }}" if own else ""
        texts.append(f"    map {name} {{\n        type {key} : {kind} . inet_service{listed}\n    }}\n")
    return "".join(texts)


def lookups(version: int) -> Iterator[str]:
    packet = FAMILIES[version][1]
    yield f"        dnat {packet} to {packet} daddr . meta l4proto . th dport map @at{version}"
    yield f"        dnat {packet} to meta l4proto . th dport map @all{version}"


def masquerade(network: Network, version: int) -> Iterator[str]:
    """What leaves the network, and what comes back into it by a published port from itself or the host's loopback: the
    answer would not come this way otherwise."""
    packet, subnet, bridge = FAMILIES[version][1], network.subnet(version), network.bridge
    back = f"{{ {subnet}, 127.0.0.0/8 }}" if version == 4 else subnet
    yield f'        {packet} saddr {subnet} oifname != "{bridge}" masquerade'
    yield f'        {packet} saddr {back} oifname "{bridge}" ct status dnat masquerade'


def element_texts(network: Network, port: Port, lease: Lease, *, key_only: bool = False) -> Iterator[tuple[str, str]]:
    """The maps' names, and what a port is in there."""
    for address in lease.addresses:
        version = ip_address(address).version
        if port.version in (0, version):
            at, name = (f"{port.address} . ", "at") if port.address else ("", "all")
            key = f"{at}{port.protocol} . {port.host}"
            yield f"{name}{version}", key if key_only else f"{key} : {address} . {port.container}"


def run_nft(script: str) -> None:
    """All of it, or nothing: nft hands a script to the kernel as one transaction. Raises NftError."""
    asked_nft("-f", "-", script=script)


def asked_nft(*words: str, script: str = "") -> str:
    """What it says. Raises NftError."""
    import subprocess

    program = find("nft")
    if program is None:
        raise NftError("there is no program nft\n  cure:  apt-get install nftables")
    done = subprocess.run([program, *words], input=script, capture_output=True, text=True, env={}, check=False)
    if done.returncode:
        raise NftError(next((line.strip() for line in done.stderr.splitlines() if line.strip()), "nft has failed"))
    return done.stdout


def has_tables() -> bool:
    """Whether a network of minirun's is in use in this network namespace; False where nft can't say."""
    try:
        return f"table inet {TABLES}" in asked_nft("list", "tables")
    except NftError:
        return False


def is_missing(error: NftError) -> bool:
    return "No such file or directory" in str(error)


CURES = {
    EPERM: "netfilter takes CAP_NET_ADMIN in the network namespace's user namespace",
    ENOENT: "a kernel without nftables for this: modprobe nf_tables nft_chain_nat nft_masq nft_fib_inet",
}
