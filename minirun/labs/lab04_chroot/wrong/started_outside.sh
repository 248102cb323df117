#!/bin/bash
gcc -static -o jail/breakout breakout.c
setsid jail/breakout sleep 4401 &
timeout 20 bash -c "until pgrep -f -x 'sleep 4401'; do sleep 0.1; done"
