#!/bin/bash
# One way through lab 01. Run it as root in the lab's directory.
set -euo pipefail

mkdir -p mq
setsid unshare --uts --ipc --mount bash -c '
    hostname lab01
    mount -t mqueue lab01 mq
    touch mq/lab01 ready
    exec sleep 4101' &

if [ -e /proc/self/ns/time ]; then
    setsid unshare --time --boottime 864000 --fork --uts bash -c 'hostname lab01-clock; exec sleep 4101' &
    minirun lab answer 01 wall CLOCK_REALTIME
fi

! mountpoint --quiet kept || umount kept
touch kept
unshare --uts=kept hostname lab01-kept
minirun lab answer 01 right CAP_SYS_ADMIN

for _ in {1..100}; do
    [ ! -e ready ] || break
    sleep 0.1
done
