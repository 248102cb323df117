#!/bin/bash
# One way through lab 00. Run it as root in the lab's directory.
set -euo pipefail
runtime=${RUNTIME:-minirun}

"$runtime" delete --force lab00 2>/dev/null || true
"$runtime" run --detach --bundle bundle lab00
pid=$("$runtime" state lab00 | jq .pid)

minirun lab answer 00 pid "$pid"
# shellcheck disable=SC2046 # a word for each number
minirun lab answer 00 namespaces $(readlink /proc/"$pid"/ns/{cgroup,ipc,mnt,net,pid,time,user,uts})

shared=()
for kind in cgroup ipc mnt net pid time user uts; do
    [ "$(readlink "/proc/$pid/ns/$kind")" != "$(readlink "/proc/$$/ns/$kind")" ] || shared+=("$kind")
done
minirun lab answer 00 shared "${shared[@]}"
