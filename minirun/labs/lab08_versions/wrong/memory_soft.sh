#!/bin/bash
mkdir /sys/fs/cgroup/memory/lab08
echo 16M >/sys/fs/cgroup/memory/lab08/memory.soft_limit_in_bytes
