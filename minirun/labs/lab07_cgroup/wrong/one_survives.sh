#!/bin/bash
cd /sys/fs/cgroup || exit
mkdir lab07
echo "+cpu +memory +pids" >lab07/cgroup.subtree_control
mkdir lab07/together
echo 16M >lab07/together/memory.max
sleep 7073 &
echo $! >lab07/together/cgroup.procs
sh -c 'echo 0 >lab07/together/cgroup.procs; exec tail /dev/zero'
