"""Network devices of the host that the container gets (network_namespaces(7)).

They are gone from the host as long as the container's network namespace lives, and minirun does not fetch them back:
with the namespace the kernel returns physical devices to the host and destroys virtual ones.
"""

from __future__ import annotations

import os
from errno import EBUSY, EEXIST, EINVAL, EPERM

from ..kernel import files
from ..kernel.libc import Flags, show
from .shell import quoted
from .step import RUNTIME, Context, Refused, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..kernel.netlink import Network
    from .world import World

TEMPLATE = "%d"  # the kernel puts a free number here


class MoveNetDevice(Step):
    """With the namespace the kernel takes the device's addresses away and sets it down; both is put right."""

    runs_in = RUNTIME
    chapter = "namespaces"
    man = "network_namespaces(7)"
    spec = "config-linux.md#network-devices"
    cures = {
        EEXIST: "a device of this name is in the container's network namespace already; name%d takes a free number",
        EINVAL: "this device belongs to its network namespace, as lo and bridges of some kinds do",
        EBUSY: "something of the host uses this device: take it out of its bridge or bond first",
        EPERM: "moving takes CAP_NET_ADMIN in both namespaces",
    }

    host_name: str
    name: str
    origin: str

    def describe(self) -> str:
        return f"move the network device {self.host_name} into the container, as {self.name}"

    def shell(self) -> str | None:
        if TEMPLATE in self.name:
            return None
        host, name = quoted(self.host_name), quoted(self.name)
        inside = 'nsenter --target "$pid" --net ip'
        addresses = f"ip -oneline address show dev {host} scope global permanent | awk '{{ print $4 }}'"
        rename = f" name {name}" if self.name != self.host_name else ""
        move = f'addresses=$({addresses}) && ip link set dev {host} netns "$pid"{rename}'
        give = f'for address in $addresses; do {inside} address add "$address" dev {name}; done'
        return f"{move} && {give} && {inside} link set dev {name} up"

    no_shell = "the kernel chooses the number in the name, and ip(8) does not tell it"

    def calls(self) -> tuple[str, ...]:
        there = Flags(f'{{RTM_SETLINK, IFLA_NET_NS_FD network, IFLA_IFNAME "{self.name}"}}')
        return (
            "network = " + show("open", "/proc/$pid/ns/net", files.open_flags(os.O_RDONLY | os.O_CLOEXEC)),
            show("sendmsg", Flags("netlink"), there),
            show("sendmsg", Flags("netlink"), Flags("{RTM_NEWADDR …}")) + "  // each address that it had",
            show("sendmsg", Flags("netlink"), Flags("{RTM_SETLINK, IFF_UP}")),
        )

    def effect(self, world: World) -> World:
        return world.replace(links=(*world.links, self.name))

    def apply(self, context: Context) -> None:
        if context.network < 0:
            context.network = files.open(f"/proc/{context.pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        own = files.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            if os.path.samestat(os.fstat(own), os.fstat(context.network)):
                raise Refused("the container's network namespace is minirun's own", "ask for a new one")
            context.moved_devices[self.host_name] = transfer(self.host_name, self.name, own, context.network, True)
        finally:
            os.close(own)

    def undo(self, context: Context) -> None:
        """Only what a failed start has taken: afterwards the device is the container's, and no runtime may move it
        (config-linux.md#network-devices)."""
        moved, was_up = context.moved_devices.pop(self.host_name, ("", False))
        if moved and not context.program_runs:
            own = files.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            try:
                transfer(moved, self.host_name, context.network, own, was_up)
            finally:
                os.close(own)
        if not context.moved_devices and context.network >= 0:
            os.close(context.network)
            context.network = -1


def transfer(name: str, new_name: str, source: int, target: int, up: bool) -> tuple[str, bool]:
    """Move a device between two namespaces, given as descriptors, with its addresses. Its name there, which a template
    leaves open, and whether it was up here."""
    from ..kernel.netlink import Network

    here = Network(source)
    try:
        there = Network(target)
        try:
            return carry(name, new_name, here, there, up)
        finally:
            there.close()
    finally:
        here.close()


def carry(name: str, new_name: str, here: Network, there: Network, up: bool) -> tuple[str, bool]:
    index = here.names().get(name)
    if index is None:
        raise Refused(f"there is no network device {name}", "ip link shows those that there are")
    if new_name in there.names():  # the kernel might move the device and only then say so
        raise Refused(f"{new_name} is there already", MoveNetDevice.cures[EEXIST])
    addresses, was_up = here.permanent_addresses(index), here.is_up(index)
    moved = here.move(index, new_name, there)
    for address in addresses:
        there.add_address(moved, address)
    if up:
        there.set_up(moved)
    return next(found for found, number in there.names().items() if number == moved), was_up
