#!/bin/bash
mkdir -p /sys/fs/cgroup/lab07
echo '+cpu +memory +pids' >/sys/fs/cgroup/lab07/cgroup.subtree_control
mkdir /sys/fs/cgroup/lab07/view
sleep 7071 &
echo $! >/sys/fs/cgroup/lab07/view/cgroup.procs
