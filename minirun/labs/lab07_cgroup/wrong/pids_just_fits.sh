#!/bin/bash
cd /sys/fs/cgroup || exit
mkdir lab07
echo "+cpu +memory +pids" >lab07/cgroup.subtree_control
mkdir lab07/group
echo 2 >lab07/group/pids.max
for _ in 1 2; do
    sleep 7073 &
    echo $! >lab07/group/cgroup.procs
done
