#!/bin/bash
# One way through lab 10. Run it as root in the lab's directory.
set -euo pipefail
runtime=${RUNTIME:-minirun}

"$runtime" delete --force lab10 2>/dev/null || true
pkill --full ' agent\.py agent\.sock$' || true
rm -f agent.sock
python3 agent.py agent.sock >agent.log &
for _ in {1..200}; do
    [ ! -S agent.sock ] || break
    sleep 0.1
done

jq --arg socket "$PWD/agent.sock" '.linux.seccomp = {
    defaultAction: "SCMP_ACT_ALLOW",
    listenerPath: $socket,
    syscalls: [
        {names: ["unshare", "ptrace"], action: "SCMP_ACT_ERRNO"},
        {names: ["mkdir", "mkdirat"], action: "SCMP_ACT_LOG"},
        {names: ["sethostname"], action: "SCMP_ACT_KILL_PROCESS"},
        {names: ["mknod", "mknodat"], action: "SCMP_ACT_NOTIFY"}
    ]}' bundle/config.json >config.new
mv config.new bundle/config.json
"$runtime" run --detach --bundle bundle lab10
"$runtime" exec lab10 sh -c 'cd /tmp; mknod /tmp/null c 1 3; mknod /tmp/zero c 1 5; mknod /tmp/random c 1 8'

status=0
"$runtime" exec lab10 hostname other || status=$?
minirun lab answer 10 status "$status"
minirun lab answer 10 clone3 ENOSYS
