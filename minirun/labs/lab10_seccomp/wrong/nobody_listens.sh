#!/bin/bash
python3 agent.py agent.sock &
for _ in {1..200}; do
    [ ! -S agent.sock ] || break
    sleep 0.1
done
jq --arg socket "$PWD/agent.sock" '.linux.seccomp = {
    defaultAction: "SCMP_ACT_ALLOW",
    listenerPath: $socket,
    syscalls: [
        {names: ["unshare", "ptrace"], action: "SCMP_ACT_ERRNO"},
        {names: ["mknod", "mknodat"], action: "SCMP_ACT_NOTIFY"}
    ]}' bundle/config.json >config.new
mv config.new bundle/config.json
"${RUNTIME:-minirun}" run --detach --bundle bundle lab10
kill %1
wait
