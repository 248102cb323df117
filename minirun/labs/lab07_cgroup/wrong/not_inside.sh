#!/bin/bash
mkdir /sys/fs/cgroup/lab07
unshare --cgroup sleep 7071 &
for _ in $(seq 50); do
    ! pgrep -f -x 'sleep 7071' >/dev/null || break
    sleep 0.1
done
