#!/bin/bash
mkdir -p /sys/fs/cgroup/lab07/group
echo +memory >/sys/fs/cgroup/lab07/cgroup.subtree_control
