"""What it takes to connect a container, an operation each: told, shown as a command, done and taken back, like a step.

The commands are for a shell as root on the host; $pid is the container's process. What is there already is as good as
made, so that the same list mends what a reboot, or somebody, has taken away.
"""

from __future__ import annotations

from errno import EEXIST, EOPNOTSUPP, EPERM

from ..kernel import files
from ..record import Record
from . import nft
from .links import Sites, hardware_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import ClassVar

    from .networks import Network
    from .pool import Lease
    from .ports import Port

IFA_F_NODAD = 0x02  # linux/if_addr.h: nobody else has the address, so it need not be asked for first
INSIDE = 'nsenter --target "$pid" --net '


class NetworkRefused(Exception):
    """An operation can't be done although no system call failed: what was found, and what helps."""

    def __init__(self, reason: str, cure: str = "") -> None:
        super().__init__(reason)
        self.reason, self.cure = reason, cure


class Operation(Record):
    """One of them. The class says what stands behind it, the fields are its arguments."""

    man: ClassVar[str] = ""
    cures: ClassVar[Mapping[int, str]] = {EPERM: "this takes CAP_NET_ADMIN: minirun has to be root's"}

    def describe(self) -> str:
        """One English sentence without its full stop, which also reads well after "can't"."""
        raise NotImplementedError

    def shell(self) -> str:
        raise NotImplementedError

    def apply(self, sites: Sites) -> None:
        """Raises SystemCallError, NftError, NetworkRefused."""
        raise NotImplementedError

    def undo(self, sites: Sites) -> None:
        """Take back what is left on the host, if it is there."""


# ---- the host's part of a network


class SwitchOn(Operation):
    """A switch of the host's network namespace. What it was is noted, and put back when the last network is removed."""

    man = "proc_sys(5)"

    path: str
    value: str
    why: str
    of_link: bool = False  # it goes with a link that minirun has made

    def describe(self) -> str:
        return f"set {self.name}, {self.why}"

    @property
    def name(self) -> str:
        return self.path.removeprefix("/proc/sys/").replace("/", ".")

    def shell(self) -> str:
        return f"sysctl -w {self.name}={self.value}"

    def apply(self, sites: Sites) -> None:
        before = files.read_file(self.path).strip()
        if before == self.value:
            return
        files.write_file(self.path, self.value)
        if not self.of_link:
            sites.result = f"it was {before}"
            sites.changed.setdefault(self.path, before)


class SwitchOnIPv6(SwitchOn):
    """The same for IPv6, where a host that passes things on no longer listens to routers, and would lose its own route:
    links that do listen (accept_ra is 1) are told to do so all the same (2)."""

    man = SwitchOn.man

    def shell(self) -> str:
        keep = 'for link in /proc/sys/net/ipv6/conf/*/accept_ra; do grep -qx 1 "$link" && echo 2 > "$link"; done'
        return f"{keep}; {super().shell()}"

    def apply(self, sites: Sites) -> None:
        if files.read_file(self.path).strip() != self.value:
            for name in sites.host.names():
                self.keep_listening(f"/proc/sys/net/ipv6/conf/{name}/accept_ra", sites)
        super().apply(sites)

    def keep_listening(self, path: str, sites: Sites) -> None:
        if files.is_there(path) and files.read_file(path).strip() == "1":
            files.write_file(path, "2")
            sites.changed.setdefault(path, "1")


class MakeBridge(Operation):
    """A switch in software, with a port for each container. By its own hardware address, or it would change with each
    port that comes and goes, and who has learnt it would be wrong."""

    man = "ip-link(8)"
    cures = {EOPNOTSUPP: "this kernel has no bridges: modprobe bridge", **Operation.cures}

    name: str

    def describe(self) -> str:
        return f"make the bridge {self.name}"

    def shell(self) -> str:
        return f"ip link add {self.name} address {hardware_address(self.name)} type bridge"

    def apply(self, sites: Sites) -> None:
        kind = sites.host.kind(self.name)
        if kind == "bridge":
            sites.result = "it is there"
        elif kind is not None:
            raise NetworkRefused(f"there is a link of this name, and it is no bridge: {kind}", "--bridge names another")
        else:
            sites.host.add(self.name, "bridge", address=hardware_address(self.name))

    def undo(self, sites: Sites) -> None:
        """One that somebody else has made stays: other things than minirun's may be plugged into it."""
        if sites.host.kind(self.name) == "bridge" and sites.host.hardware(self.name) == hardware_address(self.name):
            sites.host.remove(self.name)


class GiveAddress(Operation):
    """The host's address in the network: the gateway of the containers."""

    man = "ip-address(8)"
    cures = {EOPNOTSUPP: "this network namespace has no IPv6: a network with a subnet of IPv4 only", **Operation.cures}

    link: str
    address: str  # with its prefix

    def describe(self) -> str:
        return f"give {self.link} the address {self.address}"

    def shell(self) -> str:
        return f"ip address add {self.address} dev {self.link}{' nodad' if ':' in self.address else ''}"

    def apply(self, sites: Sites) -> None:
        sites.host.give(self.link, self.address, IFA_F_NODAD)


class GiveAddressInside(GiveAddress):
    """One of the network's, from the pool. Nobody else has it, so the kernel need not look for that first."""

    man = GiveAddress.man
    cures = GiveAddress.cures

    def describe(self) -> str:
        return f"give the container's {self.link} the address {self.address}"

    def shell(self) -> str:
        return INSIDE + super().shell()

    def apply(self, sites: Sites) -> None:
        sites.inside.give(self.link, self.address, IFA_F_NODAD)


class SetLinkUp(Operation):
    """A link that is down sends and takes nothing."""

    man = "ip-link(8)"

    link: str

    def describe(self) -> str:
        return f"switch {self.link} on"

    def shell(self) -> str:
        return f"ip link set {self.link} up"

    def apply(self, sites: Sites) -> None:
        sites.host.up(self.link)


class SetLinkUpInside(SetLinkUp):
    """A link that is down sends and takes nothing."""

    man = SetLinkUp.man

    def describe(self) -> str:
        return f"switch the container's {self.link} on"

    def shell(self) -> str:
        return INSIDE + super().shell()

    def apply(self, sites: Sites) -> None:
        sites.inside.up(self.link)


class WriteTable(Operation):
    """Whoever leaves the network gets the host's address on the way out (NAT), published ports lead in, and nothing
    else does. The whole table at once, with what is published so far."""

    man = "nft(8)"

    network: Network
    leases: tuple[Lease, ...]  # of containers that are there

    def describe(self) -> str:
        return f"write the table {self.network.table} of nftables: NAT, and the published ports"

    def shell(self) -> str:
        return f"nft -f - <<'END'\n{nft.table_text(self.network, self.leases)}END"

    def apply(self, sites: Sites) -> None:
        nft.run_nft(nft.table_text(self.network, self.leases))

    def undo(self, sites: Sites) -> None:
        try:
            nft.run_nft(f"delete table inet {self.network.table}\n")
        except nft.NftError as error:
            if not nft.is_missing(error):
                raise


# ---- a container's


class MakeCable(Operation):
    """A veth pair is a cable: what goes in at one end comes out at the other. One end begins in the container's
    namespace, and goes with it, and then the other end goes, too. The hardware address is made of the other one: who
    has learnt it of a container before is right."""

    man = "veth(4)"
    cures = {
        EEXIST: "the container's network namespace has such a link already: is it another container's?",
        EOPNOTSUPP: "this kernel has no veth: modprobe veth",
        **Operation.cures,
    }

    outside: str
    link: str
    address: str  # of the container's, which the hardware address is made of

    def describe(self) -> str:
        return f"lay a cable: {self.outside} on the host, {self.link} in the container"

    def shell(self) -> str:
        peer = f"peer name {self.link} address {hardware_address(self.address)}"
        return f'ip link add {self.outside} type veth {peer} netns "$pid"'

    def apply(self, sites: Sites) -> None:
        sites.host.remove(self.outside)  # of a container of this id that was killed
        peer = {"ifname": self.link, "address": hardware_address(self.address), "net_ns_fd": sites.inside.namespace}
        sites.host.add(self.outside, "veth", peer=peer)

    def undo(self, sites: Sites) -> None:
        sites.host.remove(self.outside)


class PlugIn(Operation):
    """The host's end becomes a port of the bridge. It may also send back to where something came from (hairpin), as
    what a container sends to its own published port; a bridge does so only where it is asked."""

    man = "bridge(8)"

    link: str
    bridge: str

    def describe(self) -> str:
        return f"plug {self.link} into {self.bridge}, and switch it on"

    def shell(self) -> str:
        plugged = f"ip link set {self.link} master {self.bridge} up"
        return f"{plugged} && bridge link set dev {self.link} hairpin on"

    def apply(self, sites: Sites) -> None:
        sites.host.plug_in(self.link, self.bridge)


class AddRoute(Operation):
    """Where to send what is for nobody in the network."""

    man = "ip-route(8)"

    gateway: str

    def describe(self) -> str:
        return f"send what is for others to the host, {self.gateway}"

    def shell(self) -> str:
        return f"{INSIDE}ip {'-6 ' if ':' in self.gateway else ''}route add default via {self.gateway}"

    def apply(self, sites: Sites) -> None:
        sites.inside.route(self.gateway)


class PublishPort(Operation):
    """An element of the table's maps: from then on, what comes for this port of the host's goes to the container's."""

    man = "nft(8)"

    network: Network
    lease: Lease
    port: Port

    def describe(self) -> str:
        where = f" at {self.port.address}" if self.port.address else ""
        return f"publish port {self.port.container}/{self.port.protocol} as the host's port {self.port.host}{where}"

    def shell(self) -> str:
        return " && ".join(f"nft '{line}'" for line in self.lines("add"))

    def lines(self, verb: str) -> list[str]:
        entries = nft.element_texts(self.network, self.port, self.lease, key_only=verb == "delete")
        return [f"{verb} element inet {self.network.table} {there} {{ {text} }}" for there, text in entries]

    def apply(self, sites: Sites) -> None:
        nft.run_nft("\n".join(self.lines("add")) + "\n")

    def undo(self, sites: Sites) -> None:
        try:
            nft.run_nft("\n".join(self.lines("delete")) + "\n")
        except nft.NftError as error:
            if not nft.is_missing(error):
                raise


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
        from .names import rewrite

        rewrite(self.path, self.text)
