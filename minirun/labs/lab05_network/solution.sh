#!/bin/bash
# One way through lab 05. Run it as root in the lab's directory.
set -euo pipefail
runtime=${RUNTIME:-minirun}

"$runtime" delete --force lab05 2>/dev/null || true
for name in lab05p lab05q lab05br; do
    ip -n lab05gw link delete "$name" 2>/dev/null || true
done
for name in lab05in lab05py; do
    ip netns delete "$name" 2>/dev/null || true
done

ip netns add lab05in
ip -n lab05in link set lo up

ip -n lab05gw link add lab05p type veth peer name eth0 netns lab05in
ip -n lab05in address add 10.55.0.2/24 dev eth0
ip -n lab05in link set eth0 up
ip -n lab05gw link set lab05p up

ip -n lab05gw link add lab05br type bridge
ip -n lab05gw link set lab05p master lab05br
ip -n lab05gw address add 10.55.0.1/24 dev lab05br
ip -n lab05gw link set lab05br up

ip -n lab05in route add default via 10.55.0.1
ip netns exec lab05gw sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
ip netns exec lab05gw nft -f - <<'END'
table ip lab05
delete table ip lab05
table ip lab05 {
    chain after {
        type nat hook postrouting priority srcnat
        ip saddr 10.55.0.0/24 oifname "lab05up" masquerade
    }
}
END

"$runtime" run --detach --bundle bundle lab05

# The line that is not in links.py: the other end is a port of the bridge.
if ! grep --quiet master links.py; then
    sed -i '/index=port, state/a\
    (bridge,) = machine.link_lookup(ifname="lab05br")\
    machine.link("set", index=port, master=bridge)' links.py
fi
python3 links.py

minirun lab answer 05 peer "$(ip -n lab05in -json link show eth0 | jq '.[0].link_index')"
minirun lab answer 05 source 203.0.113.1
