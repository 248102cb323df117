#!/bin/bash
mkdir shelf
mount -t tmpfs lab03 shelf
mount --make-shared shelf
mkdir shelf/{leak,up,down,mine}
setsid unshare --mount --propagation unchanged bash -c "
    mount -t tmpfs lab03 shelf/up
    touch ready
    exec sleep 4301" &
timeout 20 bash -c "until [ -e ready ]; do sleep 0.1; done"
