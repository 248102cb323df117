#!/bin/bash
# One way through lab 07. Run it as root.
set -euo pipefail
cd /sys/fs/cgroup

# Run the rest of the words in the cgroup that the first one names: who writes 0 means itself.
into() {
    # shellcheck disable=SC2016 # the inner shell's arguments
    sh -c 'echo 0 >"$1/cgroup.procs"; shift; exec "$@"' into "$@"
}

echo '+cpu +memory +pids' >cgroup.subtree_control
mkdir -p lab07
echo '+cpu +memory +pids' >lab07/cgroup.subtree_control
mkdir -p lab07/memory lab07/cpu lab07/pids lab07/together lab07/view

echo 16M >lab07/memory/memory.max
[ ! -e lab07/memory/memory.swap.max ] || echo 0 >lab07/memory/memory.swap.max
into lab07/memory tail /dev/zero || true

echo '5000 50000' >lab07/cpu/cpu.max
into lab07/cpu timeout 2 sh -c 'while :; do :; done' || true

echo 5 >lab07/pids/pids.max
into lab07/pids sh -c 'for _ in 1 2 3 4 5 6 7 8 9 10; do sleep 7073 & done' || true
echo 1 >lab07/pids/cgroup.kill

echo 16M >lab07/together/memory.max
[ ! -e lab07/together/memory.swap.max ] || echo 0 >lab07/together/memory.swap.max
echo 1 >lab07/together/memory.oom.group
into lab07/together sleep 7073 &
into lab07/together tail /dev/zero || true
wait

echo 1 >lab07/view/cgroup.kill
into lab07/view unshare --cgroup sleep 7071 &

minirun lab answer 07 nested 16
# Until it is unshare no more.
for _ in $(seq 50); do
    ! pgrep -f -x 'sleep 7071' >/dev/null || break
    sleep 0.1
done
