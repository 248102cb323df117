"""The host's link in a network: a bridge, with the host's addresses."""

from __future__ import annotations

from errno import EOPNOTSUPP

from .links import IFA_F_NODAD, hardware_address
from .operation import NetworkRefused, Operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .links import Sites


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
        if kind is None:
            sites.host.add(self.name, "bridge", address=hardware_address(self.name))
        elif self.is_own(sites):
            sites.result = "it is there"
        else:
            raise NetworkRefused(
                f"there is a link of this name, which minirun has not made: a {kind}",
                f"a network with another --bridge; or, if nobody needs it: ip link delete {self.name}",
            )

    def is_own(self, sites: Sites) -> bool:
        """By its hardware address. Somebody else's has a use of its own, and would have the network's addresses on it
        when the network is gone."""
        is_bridge = sites.host.kind(self.name) == "bridge"
        return is_bridge and sites.host.hardware(self.name) == hardware_address(self.name)

    def undo(self, sites: Sites) -> None:
        if self.is_own(sites):
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
