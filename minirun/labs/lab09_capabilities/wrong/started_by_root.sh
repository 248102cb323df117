#!/bin/bash
mighty/sleep 9095 &
# Waits until setpriv(1) has become sleep.
for _ in {1..100}; do
    pgrep --exact --full '(mighty/)?sleep 9095' && break
    sleep 0.1
done
