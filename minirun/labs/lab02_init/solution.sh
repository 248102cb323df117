#!/bin/bash
# One way through lab 02. Run it as root in the lab's directory.
set -euo pipefail

wait_for() {
    for _ in {1..200}; do
        ! "$@" >/dev/null || return 0
        sleep 0.1
    done
    return 1
}
has_child() { pgrep --parent "$1"; }
has_zombie() { pgrep --runstates Z --parent "$1"; }
is_ready() { [ -e ready ]; }

# A process 1 that waits for nobody: the orphan becomes a zombie.
setsid unshare --pid --fork --mount-proc sh -c '(sleep 0.1 &); exec sleep 4203' &
wait_for has_child $!
first=$(pgrep --parent $!)
wait_for has_zombie "$first"
minirun lab check 02 || true
kill -KILL "$first"

# One that does what a process 1 has to do.
rm -f ready
setsid unshare --pid --fork --mount-proc bash -c '
    trap "exit 0" TERM
    (sleep 0.1 &)
    sleep 0.5
    touch ready
    while :; do
        sleep 4205 &
        wait
    done' &
wait_for is_ready

minirun lab answer 02 children pid_for_children
minirun lab answer 02 end KILL
