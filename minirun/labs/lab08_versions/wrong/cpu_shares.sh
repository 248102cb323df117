#!/bin/bash
mkdir /sys/fs/cgroup/cpu/lab08
echo 2 >/sys/fs/cgroup/cpu/lab08/cpu.shares
