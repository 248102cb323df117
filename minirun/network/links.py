"""Links, addresses and routes by rtnetlink(7), in the host's namespace and in the container's."""

from __future__ import annotations

import os
from errno import EEXIST, ENODEV
from hashlib import sha256
from ipaddress import ip_interface

from ..kernel import netlink
from ..kernel.libc import Flags, SystemCallError, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

IFA_F_NODAD = 0x02  # linux/if_addr.h: nobody else has the address, so it need not be asked for first


def hardware_address(of: str) -> str:
    """Always the same for the same word: one that is nobody's by its maker (IEEE 802, the second bit)."""
    return "02:" + sha256(of.encode()).digest()[:5].hex(":")


class NetworkNamespace(netlink.Network):
    """A network namespace, with the requests that a network takes."""

    def kind(self, name: str) -> str | None:
        """ "bridge", "veth", "device" where the kernel says nothing of it; None where there is no such link."""
        link = self.link(name)
        if link is None:
            return None
        info = link.get_attr("IFLA_LINKINFO")
        return str(info.get_attr("IFLA_INFO_KIND") if info else "device")

    def hardware(self, name: str) -> str:
        """Its hardware address; "" where there is no such link."""
        link = self.link(name)
        return str(link.get_attr("IFLA_ADDRESS")) if link else ""

    def link(self, name: str) -> Any:
        """What the kernel tells of it; None where there is none. Asked by name: all of them would take long."""
        from pyroute2.netlink.exceptions import NetlinkError

        try:
            (found,) = self.netlink.link("get", ifname=name)
        except NetlinkError as error:
            if error.code == ENODEV:
                return None
            raise SystemCallError(error.code, "sendmsg", show("RTM_GETLINK", name)) from None
        return found

    def index(self, name: str) -> int:
        found = self.link(name)
        if found is None:
            raise SystemCallError(ENODEV, "sendmsg", show("RTM_GETLINK", name))
        return int(found["index"])

    def add(self, name: str, kind: str, **more: Any) -> None:
        call = show("RTM_NEWLINK", name, kind, *(Flags(f"{key} {value}") for key, value in more.items()))
        self.request(lambda: self.netlink.link("add", ifname=name, kind=kind, **more), call)

    def remove(self, name: str) -> None:
        """If it is there."""
        found = self.link(name)
        if found is not None:
            try:
                self.request(lambda: self.netlink.link("del", index=found["index"]), show("RTM_DELLINK", name))
            except SystemCallError as error:
                if error.errno != ENODEV:  # with its namespace, which the kernel takes down meanwhile
                    raise

    def up(self, name: str) -> None:
        self.set_up(self.index(name))

    def plug_in(self, name: str, bridge: str) -> None:
        index, master = self.index(name), self.index(bridge)
        call = show("RTM_SETLINK", name, Flags(f"IFLA_MASTER {bridge}"), Flags("IFF_UP"))
        self.request(lambda: self.netlink.link("set", index=index, master=master, state="up"), call)
        call = show("RTM_SETLINK", name, Flags("IFLA_BRPORT_MODE 1"))
        self.request(lambda: self.netlink.brport("set", index=index, mode=1), call)

    def give(self, name: str, address: str, flags: int) -> None:
        """If it has it not yet."""
        wanted = ip_interface(address)
        more: dict[str, Any] = {"address": str(wanted.ip), "prefixlen": wanted.network.prefixlen}
        if wanted.version == 6:
            more["flags"] = flags
        self.unless_there(lambda: self.add_address(self.index(name), more))

    def route(self, gateway: str) -> None:
        call = show("RTM_NEWROUTE", "default", Flags(f"RTA_GATEWAY {gateway}"))
        family = {"family": 10} if ":" in gateway else {}
        self.request(lambda: self.netlink.route("add", dst="default", gateway=gateway, **family), call)

    def unless_there(self, ask: Any) -> None:
        try:
            ask()
        except SystemCallError as error:
            if error.errno != EEXIST:
                raise


class Sites:
    """Where the operations work: the host's namespace, and the container's, which is opened when it is asked for."""

    def __init__(self, pid: int, changed: dict[str, str]) -> None:
        self.pid = pid
        self.changed = changed
        self.result = ""  # what came of the operation at hand, where the plan could not know it
        self.opened: list[int] = []
        self.known: dict[str, NetworkNamespace] = {}

    def __enter__(self) -> Sites:
        return self

    def __exit__(self, *_error: object) -> None:
        for namespace in self.known.values():
            namespace.close()
        for descriptor in self.opened:
            os.close(descriptor)

    @property
    def host(self) -> NetworkNamespace:
        return self.by("/proc/self/ns/net")

    @property
    def inside(self) -> NetworkNamespace:
        return self.by(f"/proc/{self.pid}/ns/net")

    def by(self, path: str) -> NetworkNamespace:
        if path not in self.known:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            self.opened.append(descriptor)
            self.known[path] = NetworkNamespace(descriptor)
        return self.known[path]
