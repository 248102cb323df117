#!/bin/bash
setsid unshare --pid --fork --mount-proc sh -c '(sleep 0.1 &); exec sleep 4203' &
timeout 20 bash -c "until pgrep -f -x 'sleep 4203'; do sleep 0.1; done"
sleep 0.5
minirun lab check 02
