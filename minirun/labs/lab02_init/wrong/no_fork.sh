#!/bin/bash
setsid unshare --pid bash -c 'true | true; exec sleep 4203' &
timeout 20 bash -c "until pgrep -f -x 'sleep 4203'; do sleep 0.1; done"
