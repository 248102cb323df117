#!/bin/bash
sed -i 's/^cpu.cfs_period_us =.*/& cpu.max.burst/' pairs.txt
