#!/bin/bash
unshare --user --map-root-user sleep 6067 &
# Waits until unshare(1) has become sleep.
for _ in {1..100}; do
    pgrep --exact --full 'sleep 6067' && break
    sleep 0.1
done
