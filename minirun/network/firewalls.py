"""Other firewalls on the host. What is forwarded goes through everybody's chains, and an `accept` in one of them does
not overrule a `drop` in another (nft(8), VERDICT STATEMENT). So minirun's own table can't open them, and rules of
others are not minirun's to change: whoever makes a network is told of them, with what lets it through.
"""

from __future__ import annotations

import json
from ipaddress import ip_network

from ..record import Record
from .nft import NftError, asked_nft

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .networks import Network

VERSIONS = {"ip": (4,), "ip6": (6,), "inet": (4, 6)}  # families of nftables, and which packets they see
# The chains of xtables-nft(8) are seen by nft, but a rule of nft's in there makes iptables give up on them. Those of
# xtables-legacy(8) are not seen.
IPTABLES = {"ip": "iptables", "ip6": "ip6tables"}
FIREWALLD = "firewalld"  # its table; a drop is the last rule there, whatever the policy


class Chain(Record):
    """One that drops what is forwarded and no rule of it accepts, as Docker makes it of iptables' FORWARD."""

    family: str
    table: str
    name: str

    def __str__(self) -> str:
        return f"the chain {self.name} of the table {self.family} {self.table}"

    def opened_for(self, bridge: str) -> str:
        """The commands that let a network through: what it sends, answers, and what is for a published port."""
        if self.table == FIREWALLD:
            return f"firewall-cmd --permanent --zone=trusted --add-interface={bridge} && firewall-cmd --reload"
        if self.table == "filter" and self.name == "FORWARD" and self.family in IPTABLES:
            insert = f"{IPTABLES[self.family]} -I FORWARD"
            inwards = "-m conntrack --ctstate DNAT,ESTABLISHED,RELATED"
            return f"{insert} -i {bridge} -j ACCEPT && {insert} -o {bridge} {inwards} -j ACCEPT"
        insert = f"nft insert rule {self.family} {self.table} {self.name}"
        return " && ".join(
            f"{insert} {what} accept"
            for what in (
                f"iifname {bridge}",
                f"oifname {bridge} ct status dnat",
                f"oifname {bridge} ct state established",
            )
        )


def closed_chains() -> list[Chain]:
    """Those of this network namespace; none where nft can't say."""
    try:
        found = json.loads(asked_nft("-j", "list", "chains"))["nftables"]
    except (NftError, ValueError, KeyError):
        return []
    chains = [one["chain"] for one in found if one.get("chain", {}).get("hook") == "forward"]
    return [Chain(one["family"], one["table"], one["name"]) for one in chains if is_closed(one)]


def is_closed(chain: dict[str, str]) -> bool:
    return chain["family"] in VERSIONS and (chain.get("policy") == "drop" or chain["table"] == FIREWALLD)


def warnings(network: Network) -> list[str]:
    """Of the chains that keep the network's containers to themselves, unless somebody has let them through already."""
    versions = {ip_network(one).version for one in network.subnets}
    return [
        f"{chain} drops what is forwarded where no rule of it accepts: containers may reach nobody outside"
        f"\n  cure:  {chain.opened_for(network.bridge)}"
        for chain in closed_chains()
        if versions & set(VERSIONS[chain.family])
    ]
