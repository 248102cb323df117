#!/bin/bash
cd /sys/fs/cgroup || exit
mkdir lab07
echo "+cpu +memory +pids" >lab07/cgroup.subtree_control
mkdir lab07/group
echo 1 >lab07/group/cpu.weight
