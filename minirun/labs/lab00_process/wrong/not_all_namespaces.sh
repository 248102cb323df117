#!/bin/bash
"${RUNTIME:-minirun}" run --detach --bundle bundle lab00
pid=$("${RUNTIME:-minirun}" state lab00 | jq .pid)
minirun lab answer 00 namespaces "$(readlink "/proc/$pid/ns/mnt")" "$(readlink "/proc/$pid/ns/pid")"
