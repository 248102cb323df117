#!/bin/bash
sed -i 's/^tasks =.*/& cgroup.procs/' pairs.txt
