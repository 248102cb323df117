"""A second container's link, by netlink (rtnetlink(7)) and pyroute2: what you have typed with ip, as a program."""

from pyroute2 import NetNS, netns

netns.create("lab05py")
with NetNS("lab05gw") as machine, NetNS("lab05py") as inside:
    other_end = {"ifname": "eth0", "net_ns_fd": "lab05py"}
    machine.link("add", ifname="lab05q", kind="veth", peer=other_end)
    (port,) = machine.link_lookup(ifname="lab05q")
    machine.link("set", index=port, state="up")

    (lo,) = inside.link_lookup(ifname="lo")
    (eth0,) = inside.link_lookup(ifname="eth0")
    inside.link("set", index=lo, state="up")
    inside.addr("add", index=eth0, address="10.55.0.3", prefixlen=24)
    inside.link("set", index=eth0, state="up")
    inside.route("add", dst="default", gateway="10.55.0.1")
