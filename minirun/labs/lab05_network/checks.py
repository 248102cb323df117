"""Lab 05. Three network namespaces: the container's, one that plays the machine, and one that plays the internet. The
machine's own network, with whatever is connected to it, has no part in it."""

from __future__ import annotations

import os

from ...errors import StateError
from .. import bundles, look
from ..lab import Finding, Goal, Lab, done, not_yet, question, wrong
from ..needs import ROOT, Need, programs
from ..programs import said
from .network import Network, forwards, has_address, has_route_to, is_up, network, reaches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..desk import Desk

INSIDE, MACHINE, OUTSIDE, SECOND = "lab05in", "lab05gw", "lab05out", "lab05py"
PROGRAM = ("sleep", "5051")
PRIVATE = "10.55.0.0/24"
GATEWAY, PUBLIC, FAR = "10.55.0.1", "203.0.113.1", "203.0.113.9"  # the last two of RFC 5737
MADE = (
    f"netns add {MACHINE}",
    f"netns add {OUTSIDE}",
    f"-n {MACHINE} link add lab05up type veth peer name eth0 netns {OUTSIDE}",
    f"-n {MACHINE} address add {PUBLIC}/24 dev lab05up",
    f"-n {MACHINE} link set lab05up up",
    f"-n {MACHINE} link set lo up",
    f"-n {OUTSIDE} address add {FAR}/24 dev eth0",
    f"-n {OUTSIDE} link set eth0 up",
    f"-n {OUTSIDE} link set lo up",
    # A new namespace has the machine's own value: kernel documentation, sysctl/net.rst, devconf_inherit_init_net.
    f"netns exec {MACHINE} sysctl -q -w net.ipv4.ip_forward=0",
)


def make(desk: Desk) -> None:
    for words in MADE:
        said("ip", *words.split())
    made = network(OUTSIDE)
    if made is None or "eth0" not in made.links:
        raise StateError("can't make network namespaces and a veth pair\n  cure:  modprobe veth; see ip-link(8)")
    config = bundles.busybox(desk.file("bundle"), args=list(PROGRAM), terminal=False)
    for namespace in config["linux"]["namespaces"]:
        if namespace["type"] == "network":
            namespace["path"] = f"/run/netns/{INSIDE}"
    bundles.write(desk.file("bundle"), config)
    desk.give(f"{os.path.dirname(__file__)}/given/links.py", "links.py")


def no_translation() -> str:
    """Tried in a network namespace that goes at once. Some kernels have nftables for no protocol at all."""
    if said("unshare", "--net", "sh", "-c", f"nft '{TRIAL}' && echo yes"):
        return ""
    return "it needs a kernel with NAT by nftables\n  cure:  modprobe nft_chain_nat nft_masq; see nft(8)"


TRIAL = "add table ip lab05; add chain ip lab05 after { type nat hook postrouting priority srcnat; }"
TRANSLATION = Need("NAT by nftables", no_translation)


# ---- goals


def loopback(_desk: Desk) -> Finding:
    inside = network(INSIDE)
    if inside is None or "lo" not in inside.links:  # a file that nothing is mounted on is none
        return not_yet(f"the network namespace {INSIDE}")
    if is_up(inside.links["lo"]):
        return done("lo is up")
    return wrong("lo_is_down", "lo is down", "lo up")


def pair(_desk: Desk) -> Finding:
    inside, machine = network(INSIDE), network(MACHINE)
    if inside is None or machine is None or "eth0" not in inside.links:
        return not_yet(f"a veth pair: eth0 in {INSIDE}, the other end in {MACHINE}")
    eth0 = inside.links["eth0"]
    peer = machine.link_of_peer(eth0)
    if peer is None:
        return wrong("other_end_astray", f"the other end of eth0 is not in {MACHINE}", "one end on each side")
    if not has_address(eth0, "10.55.0.2/24"):
        is_alone = has_address(eth0, "10.55.0.2/32")
        return wrong("no_prefix", "10.55.0.2/32", "10.55.0.2/24") if is_alone else not_yet("10.55.0.2/24 on eth0")
    down = [one["ifname"] for one in (eth0, peer) if not is_up(one)]
    if down:
        return wrong("end_is_down", f"{', '.join(down)} is down", "both ends up")
    return done(f"eth0 is number {eth0['ifindex']} in {INSIDE}, {peer['ifname']} number {peer['ifindex']} in {MACHINE}")


def bridge(_desk: Desk) -> Finding:
    inside, machine = network(INSIDE), network(MACHINE)
    if inside is None or machine is None or "eth0" not in inside.links or "lab05br" not in machine.links:
        return not_yet(f"the bridge lab05br in {MACHINE}")
    peer = machine.link_of_peer(inside.links["eth0"])
    if peer is None or peer.get("master") != "lab05br":
        return wrong("not_in_bridge", "lab05br without the link to the container", "lab05br as its master")
    found = machine.links["lab05br"]
    if not is_up(found) or not has_address(found, f"{GATEWAY}/24"):
        return not_yet(f"lab05br up, with {GATEWAY}/24")
    return done(f"{GATEWAY} answers") if reaches(INSIDE, GATEWAY) else not_yet(f"an answer from {GATEWAY}")


def nat(_desk: Desk) -> Finding:
    inside = network(INSIDE)
    if has_route_to(OUTSIDE, PRIVATE):
        return wrong("internet_knows_you", f"{OUTSIDE} has a route to {PRIVATE}", "none: the address is private")
    if inside is None or GATEWAY not in inside.gateways:
        return not_yet(f"a default route in {INSIDE} by {GATEWAY}")
    if reaches(INSIDE, FAR):
        return done(f"{FAR} answers")
    expected = f"an answer from {FAR}"
    if not forwards(MACHINE):
        return wrong("not_forwarding", f"ip_forward is 0 in {MACHINE}", expected)
    return wrong("no_masquerade", f"no answer, though {MACHINE} forwards", expected)


def contained(_desk: Desk) -> Finding:
    if not os.path.exists(f"/run/netns/{INSIDE}"):
        return not_yet(f"the network namespace {INSIDE}")
    wanted = os.stat(f"/run/netns/{INSIDE}").st_ino
    found = [pid for pid in look.running(*PROGRAM) if look.namespace(pid, "net") == wanted]
    in_container = next((pid for pid in found if look.is_apart(pid, "pid")), None)
    if in_container is None:
        return not_yet(f"the container lab05, with {INSIDE} as its network")
    return done(f"process {in_container}")


def second(_desk: Desk) -> Finding:
    inside, machine = network(SECOND), network(MACHINE)
    if inside is None or machine is None or "eth0" not in inside.links:
        return not_yet(f"{SECOND} with an eth0, by links.py")
    if reaches(SECOND, GATEWAY):
        return done(f"{GATEWAY} answers")
    return missing(inside, machine)


def missing(inside: Network, machine: Network) -> Finding:
    peer = machine.link_of_peer(inside.links["eth0"])
    if peer is not None and "master" not in peer:
        return wrong("a_line_is_missing", f"{GATEWAY} does not answer", "an answer")
    return not_yet(f"an answer from {GATEWAY}")


def number_of_peer(_desk: Desk) -> tuple[str, ...]:
    inside = network(INSIDE)
    return (str(inside.links["eth0"].get("link_index")),) if inside and "eth0" in inside.links else ()


LAB = Lab(
    "A network of its own",
    40,
    goals=(
        Goal(
            "lo",
            "There is a network namespace lab05in, and its lo is up.",
            loopback,
            tips=("ip netns add lab05in", "ip -n lab05in link set lo up"),
        ),
        Goal(
            "pair",
            "A cable leads from eth0 in lab05in, with 10.55.0.2/24, into lab05gw; both ends are up.",
            pair,
            points=3,
            tips=("ip -n lab05gw link add lab05p type veth peer name eth0 netns lab05in",),
            after=("lo",),
        ),
        Goal(
            "bridge",
            "It ends in the bridge lab05br, and 10.55.0.1 answers.",
            bridge,
            points=3,
            tips=("ip -n lab05gw link add lab05br type bridge", "ip -n lab05gw link set lab05p master lab05br"),
            after=("pair",),
        ),
        Goal(
            "container",
            "The container lab05 is in there.",
            contained,
            tips=("minirun run --detach --bundle bundle lab05",),
            after=("lo",),
        ),
        Goal(
            "nat",
            "From lab05in one reaches 203.0.113.9, which does not know your addresses.",
            nat,
            points=4,
            tips=(
                "a route, forwarding, an address that can be answered: three things",
                "watch with: ip netns exec lab05out tcpdump -n -i eth0",
            ),
            after=("bridge",),
        ),
        Goal(
            "python",
            "links.py makes the link of a second container, lab05py, and 10.55.0.1 answers it.",
            second,
            points=3,
            tips=(
                "compare with what you have typed: one thing of the five is not in the program",
                "machine.link('set', index=…, master=…), with the bridge's number; ip netns del lab05py to begin anew",
            ),
            after=("bridge",),
        ),
        question(
            "peer",
            "Which number has, in lab05gw, the other end of lab05in's eth0?",
            number_of_peer,
            tips=("ip -n lab05in link shows eth0@ifN",),
            after=("pair",),
        ),
        question(
            "source",
            "From which address do the container's packets come, for lab05out?",
            (PUBLIC,),
            tips=("what does masquerade put there? ip -n lab05gw address",),
            after=("nat",),
        ),
    ),
    hints={
        "lo_is_down": "A new network namespace has lo, and it is down: even 127.0.0.1 can't be reached. "
        "ip -n lab05in link set lo up.",
        "other_end_astray": "eth0 is there, but its other end is in another namespace: ip link shows where you are, "
        "ip -n lab05gw link the machine's. Delete eth0, and make the pair with ip -n lab05gw.",
        "no_prefix": "The address has no prefix, so nobody else is on that network: 10.55.0.2/32 is alone. Give "
        "10.55.0.2/24, and take the other one away.",
        "end_is_down": "A cable has two ends, and both have to be up: ip -n NAMESPACE link set LINK up, on both sides.",
        "not_in_bridge": "The bridge is there, but the cable does not lead into it: a bridge passes on only what comes "
        "in by its own ports. Who is the master of lab05p?",
        "internet_knows_you": "lab05out has a route to 10.55.0.0/24 now, and so it answers. The internet has none: "
        "these addresses are private, and thousands of networks have the same. Take the route away, and translate.",
        "not_forwarding": "The packets get as far as lab05gw, which does not pass them on: "
        "/proc/sys/net/ipv4/ip_forward is 0 there.",
        "no_masquerade": "The packets get out, but no answer comes back: they say that they come from 10.55.0.2, to "
        "which nobody outside has a route. In lab05gw nftables has to put its own address there.",
        "a_line_is_missing": "The cable is there, but it leads nowhere: which of the things that you have typed is not "
        "in links.py? ip -n lab05gw link shows lab05p and lab05q beside each other.",
    },
    needs=(ROOT, programs("ip", "nft", "busybox", "sysctl"), TRANSLATION),
    make=make,
    runtimes=True,
)
