"""A container's link: a cable from the bridge into its namespace, with addresses and a way out."""

from __future__ import annotations

from errno import EEXIST, EOPNOTSUPP

from .bridge import GiveAddress, SetLinkUp
from .links import IFA_F_NODAD, hardware_address
from .operation import INSIDE, Operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .links import Sites


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


class SetLinkUpInside(SetLinkUp):
    """A link that is down sends and takes nothing."""

    man = SetLinkUp.man

    def describe(self) -> str:
        return f"switch the container's {self.link} on"

    def shell(self) -> str:
        return INSIDE + super().shell()

    def apply(self, sites: Sites) -> None:
        sites.inside.up(self.link)


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
