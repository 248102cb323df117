#!/bin/bash
setpriv --reuid=65534 --regid=65534 --clear-groups mighty/sleep 9095 &
setpriv --reuid=65534 --regid=65534 --clear-groups mighty/sleep 9097 &
# Waits until setpriv(1) has become sleep.
for _ in {1..100}; do
    pgrep --exact --full '(mighty/)?sleep 9095' && break
    sleep 0.1
done
for _ in {1..100}; do
    pgrep --exact --full '(mighty/)?sleep 9097' && break
    sleep 0.1
done
