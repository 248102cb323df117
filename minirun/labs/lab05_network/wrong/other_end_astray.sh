#!/bin/bash
ip netns add lab05in
ip -n lab05in link set lo up
ip link add lab05p type veth peer name eth0 netns lab05in
