#!/bin/bash
# One way through lab 08. Run it as root in the lab's directory.
set -euo pipefail
top=/sys/fs/cgroup
mkdir -p $top/{memory,cpu,pids}/lab08

# Run the rest of the words in lab08 of the hierarchies that the first one names.
into() {
    # shellcheck disable=SC2016 # the inner shell's arguments
    sh -c 'for one in $0; do echo 0 >"/sys/fs/cgroup/$one/lab08/cgroup.procs"; done; exec "$@"' "$@"
}

echo 16M >$top/memory/lab08/memory.limit_in_bytes
into memory tail /dev/zero || true

echo 50000 >$top/cpu/lab08/cpu.cfs_period_us
echo 5000 >$top/cpu/lab08/cpu.cfs_quota_us
into cpu timeout 2 sh -c 'while :; do :; done' || true

echo 5 >$top/pids/lab08/pids.max
into pids sh -c 'for _ in 1 2 3 4 5 6 7 8 9 10; do sleep 8083 & done' || true
xargs --no-run-if-empty kill <$top/pids/lab08/cgroup.procs
for _ in $(seq 50); do
    [ -s $top/pids/lab08/cgroup.procs ] || break
    sleep 0.1
done

into 'memory pids' sleep 8081 &
for _ in $(seq 50); do
    ! pgrep -f -x 'sleep 8081' >/dev/null || break
    sleep 0.1
done

cat >pairs.txt <<'END'
memory.limit_in_bytes = memory.max
memory.soft_limit_in_bytes = memory.low
memory.usage_in_bytes = memory.current
memory.max_usage_in_bytes = memory.peak
cpu.shares = cpu.weight
cpu.cfs_quota_us = cpu.max
cpu.cfs_period_us = cpu.max
cpuacct.usage = cpu.stat
pids.max = pids.max
tasks = cgroup.threads
freezer.state = cgroup.freeze
blkio.throttle.read_bps_device = io.max
END
minirun lab answer 08 weight 59
