#!/bin/bash
mkdir /sys/fs/cgroup/lab07
sleep 7073 &
echo $! >/sys/fs/cgroup/lab07/cgroup.procs
