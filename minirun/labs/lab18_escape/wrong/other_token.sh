#!/bin/bash
cp /root/lab18-token bundle/rootfs/captured/pid
