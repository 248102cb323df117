#!/bin/bash
sed -i 's/^cpuacct.usage =.*/& cpu.weight/' pairs.txt
