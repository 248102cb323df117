#!/bin/bash
echo '|/proc/%P/root/helper %P' >/proc/sys/kernel/core_pattern
minirun run --detach --bundle bundle lab18
./ask 'cd /kept; touch pivot descriptors pid masked-paths readonly-paths admin'
