#!/bin/bash
mkdir /sys/fs/cgroup/memory/lab08
sleep 8081 &
echo $! >/sys/fs/cgroup/memory/lab08/cgroup.procs
