#!/bin/bash
setsid unshare --pid --fork --mount-proc sh -c '(sleep 0.1 &); exec sleep 4203' &
outer=$!
timeout 20 bash -c "until pgrep -f -x 'sleep 4203'; do sleep 0.1; done"
sleep 0.5
minirun lab check 02
kill -KILL "$(pgrep --parent $outer)"
setsid unshare --pid --fork --mount-proc bash -c '
    (sleep 0.1 &)
    sleep 0.5
    touch ready
    while :; do sleep 4205; done' &
timeout 20 bash -c 'until [ -e ready ]; do sleep 0.1; done'
