#!/bin/bash
# One way through lab 03. Run it as root in the lab's directory.
set -euo pipefail

while mountpoint --quiet shelf; do umount --lazy --recursive shelf; done
mkdir -p shelf
mount -t tmpfs lab03 shelf
mount --make-shared shelf
mkdir shelf/{leak,up,down,mine}

# shellcheck disable=SC2016 # the inner bash is the one that has $0
# In a mount namespace with the propagation $1, mount shelf/$2 and stay.
hold() {
    rm -f ready
    setsid unshare --mount --propagation "$1" bash -c '
        mount -t tmpfs lab03 "shelf/$0"
        touch ready
        exec sleep 4301' "$2" &
    for _ in {1..200}; do
        [ ! -e ready ] || return 0
        sleep 0.1
    done
    return 1
}

hold unchanged leak
minirun lab check 03 || true
umount shelf/leak

hold slave up
mount -t tmpfs lab03 shelf/down
hold private mine

minirun lab answer 03 default private
minirun lab answer 03 runtime rslave
