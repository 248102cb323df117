#!/bin/bash
# One way through lab 11. Run it as root in the lab's directory.
set -euo pipefail

wait_for() {
    for _ in $(seq 100); do
        ! pgrep -f -x "$1" >/dev/null || return 0
        sleep 0.1
    done
}

# ---- predicted: a cgroup is made in the fifth step, and the first ones change nothing of the process
printf '%s\n' 'p nothing' 'p nothing' 'p nothing' 'p nothing' 'p cgroup directory' 'p nothing' c |
    script --quiet --command 'minirun run --step --detach --predictions predictions --bundle bundle lab11' /dev/null
minirun delete --force lab11

# ---- by a runtime
"${RUNTIME:-minirun}" delete --force lab11 2>/dev/null || true
"${RUNTIME:-minirun}" run --detach --bundle bundle lab11

# ---- by hand
pkill -f -x 'sleep 1119' || true
cat >by-hand.sh <<'END'
echo lab11 > /proc/sys/kernel/hostname
mount --bind bundle/rootfs bundle/rootfs
cd bundle/rootfs
mount -t proc proc proc
mount -t tmpfs -o nosuid,mode=755 tmpfs dev
mount -t tmpfs -o nosuid,nodev,noexec,mode=1777 tmpfs tmp
for file in proc/keys proc/timer_list; do
    [ ! -e $file ] || mount --bind /dev/null $file
done
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -o remount,bind,ro .
pivot_root . .
umount -l .
exec setpriv --reuid 1000 --regid 1000 --clear-groups \
    --inh-caps -all --bounding-set -all \
    --no-new-privs \
    sleep 1119
END
unshare --mount --pid --fork --uts --ipc --net --cgroup bash -e by-hand.sh &
wait_for 'sleep 1119'

# ---- with a line less
for pid in $(pgrep -f -x 'sleep 1117'); do
    ! grep -q lab11less "/proc/$pid/cgroup" || kill -KILL "$pid"
done
while [ -e /sys/fs/cgroup/minirun/lab11less ] || [ -e /sys/fs/cgroup/unified/minirun/lab11less ]; do
    sleep 0.1
done
minirun explain --script --id lab11less bundle >less.sh
sed -i '/--no-new-privs/d' less.sh
bash less.sh &
for _ in $(seq 300); do
    pids=$(pgrep -f -x 'sleep 1117' | wc -l)
    [ "$pids" -lt 2 ] || break
    sleep 0.1
done
minirun lab answer 11 gone no-new-privs
