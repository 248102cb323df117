#!/bin/bash
cd /sys/fs/cgroup || exit
mkdir lab07
echo '+cpu +memory +pids' >lab07/cgroup.subtree_control
mkdir lab07/view
unshare --cgroup sleep 7071 &
for _ in $(seq 50); do
    ! pgrep -f -x 'sleep 7071' >/dev/null || break
    sleep 0.1
done
echo $! >lab07/view/cgroup.procs
