"""A network and a container's lease -> the operations, in order. The kernel is asked nothing, and `explain` has the
same."""

from __future__ import annotations

from hashlib import sha256

from .bridge import GiveAddress, MakeBridge, SetLinkUp
from .cable import AddRoute, GiveAddressInside, MakeCable, PlugIn, SetLinkUpInside
from .names import WriteNames, hosts
from .networks import BRIDGE, network_file
from .rootless import rootless_plan
from .switches import SwitchOn, SwitchOnIPv6
from .translation import PublishPort, WriteTable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .networks import Network
    from .operation import Operation
    from .pool import Lease

LINK = "eth0"  # what programs expect to find in a container
WHY = "so that the host passes on what is for others"
FORWARDING = {
    4: SwitchOn("/proc/sys/net/ipv4/ip_forward", "1", WHY),
    6: SwitchOnIPv6("/proc/sys/net/ipv6/conf/all/forwarding", "1", WHY),
}


def attach_plan(network: Network, lease: Lease, others: Iterable[Lease], directory: str) -> tuple[Operation, ...]:
    """All that connects a container; `others` are in the network already."""
    others = tuple(others)
    return (
        *network_plan(network, others),  # what of it is missing
        *container_plan(network, lease, directory),
        names_operation(network, (*others, lease), directory),  # last: a name is one of a container that answers
    )


def network_plan(network: Network, leases: tuple[Lease, ...]) -> tuple[Operation, ...]:
    """The host's part, which is there as long as a container is."""
    if network.driver != BRIDGE:
        return ()
    return (
        *(FORWARDING[version] for version in FORWARDING if network.subnet(version)),
        MakeBridge(network.bridge),
        *(GiveAddress(network.bridge, network.address_with_prefix(gateway)) for gateway in network.gateways),
        SetLinkUp(network.bridge),
        *loopback_operations(network),
        WriteTable(network, leases),
    )


def loopback_operations(network: Network) -> tuple[Operation, ...]:
    """For published ports at 127.0.0.1, which must leave by the bridge with that address in them until NAT takes it."""
    if not network.subnet(4):
        return ()
    path = f"/proc/sys/net/ipv4/conf/{network.bridge}/route_localnet"
    return (SwitchOn(path, "1", "so that the host's own 127.0.0.1 leads to published ports", True),)


def container_plan(network: Network, lease: Lease, directory: str) -> tuple[Operation, ...]:
    if network.driver != BRIDGE:
        return rootless_plan(network, lease, directory)
    outside = cable_name(network, lease.id)
    return (
        MakeCable(outside, LINK, lease.addresses[0]),
        PlugIn(outside, network.bridge),
        *(GiveAddressInside(LINK, network.address_with_prefix(address)) for address in lease.addresses),
        SetLinkUpInside(LINK),
        *(AddRoute(gateway) for gateway in network.gateways),  # once there is a link that leads there
        *(PublishPort(network, lease, port) for port in lease.ports),
    )


def names_operation(network: Network, leases: Iterable[Lease], directory: str) -> WriteNames:
    return WriteNames(network_file(directory, network.name, "hosts"), hosts(network, leases))


def cable_name(network: Network, container: str) -> str:
    """Of the host's end: the same each time, so that whoever sweeps knows it."""
    return f"mr{sha256(f'{network.name}/{container}'.encode()).hexdigest()[:10]}"
