#!/bin/bash
cd /sys/fs/cgroup || exit
mkdir lab07
echo "+cpu +memory +pids" >lab07/cgroup.subtree_control
mkdir lab07/group
echo 16M >lab07/group/memory.high
