#!/bin/bash
setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=+net_bind_service sleep 9093 &
# Waits until setpriv(1) has become sleep.
for _ in {1..100}; do
    pgrep --exact --full '(mighty/)?sleep 9093' && break
    sleep 0.1
done
