#!/bin/bash
mkdir /sys/fs/cgroup/{memory,cpu,pids}/lab08
sleep 8081 &
for controller in memory cpu pids; do
    echo $! >/sys/fs/cgroup/$controller/lab08/cgroup.procs
done
