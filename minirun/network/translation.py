"""Addresses are translated on their way out, and on the way to a published port: what nft.py has as text, done."""

from __future__ import annotations

from . import nft
from .operation import Operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .links import Sites
    from .networks import Network
    from .pool import Lease
    from .ports import Port


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
