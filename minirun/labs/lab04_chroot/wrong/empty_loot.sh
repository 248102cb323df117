#!/bin/bash
gcc -static -o jail/breakout breakout.c
setsid chroot jail /bin/sh -c '/breakout sleep 4401 & wait' &
timeout 20 bash -c "until pgrep -f -x 'sleep 4401'; do sleep 0.1; done"
touch jail/loot
