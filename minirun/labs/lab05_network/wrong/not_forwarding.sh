#!/bin/bash
ip netns add lab05in
ip -n lab05in link set lo up
ip -n lab05gw link add lab05p type veth peer name eth0 netns lab05in
ip -n lab05in link set eth0 up
ip -n lab05gw link set lab05p up
ip -n lab05in address add 10.55.0.2/24 dev eth0
ip -n lab05gw link add lab05br type bridge
ip -n lab05gw address add 10.55.0.1/24 dev lab05br
ip -n lab05gw link set lab05br up
ip -n lab05gw link set lab05p master lab05br
ip -n lab05in route add default via 10.55.0.1
