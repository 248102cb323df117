#!/bin/bash
# One way through lab 06. Run it as root in the lab's directory.
set -euo pipefail
runtime=${RUNTIME:-minirun}

# Waits until a process of these words is in another user namespace than this one; its pid.
apart() {
    local pid
    for _ in {1..200}; do
        pid=$(pgrep --exact --full "$1" | head -n 1) || true
        if [ -n "$pid" ] && [ "$(readlink "/proc/$pid/ns/user")" != "$(readlink /proc/self/ns/user)" ]; then
            echo "$pid"
            return
        fi
        sleep 0.1
    done
    echo "there is no $1" >&2
    return 1
}

"$runtime" delete --force lab06 2>/dev/null || true
pkill --exact --full 'sleep (6061|6063|6067)' || true

unshare --user sleep 6061 &
pid=$(apart 'sleep 6061')
echo 0 100000 65536 >"/proc/$pid/uid_map"
echo 0 100000 65536 >"/proc/$pid/gid_map"
nsenter --user --target "$pid" sleep 6063 &
apart 'sleep 6063'

maps='[{"containerID": 0, "hostID": 100000, "size": 65536}]'
jq --argjson maps "$maps" '.linux.uidMappings = $maps | .linux.gidMappings = $maps |
    .linux.namespaces |= (map(select(.type != "user")) + [{"type": "user"}])' bundle/config.json >config.new
mv config.new bundle/config.json
"$runtime" run --detach --bundle bundle lab06
rm -f shared/mine
chown 100000:100000 shared
"$runtime" exec lab06 touch /shared/mine

setpriv --reuid=65534 --regid=65534 --clear-groups unshare --user --map-root-user sleep 6067 &
pid=$(apart 'sleep 6067')
minirun lab answer 06 setgroups "$(cat "/proc/$pid/setgroups")"
minirun lab answer 06 overflow "$(cat /proc/sys/kernel/overflowuid)"
