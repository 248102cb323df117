#!/bin/bash
tar -C rootfs -c . | ./podman import - localhost/lab14
./podman run --detach --name lab14-minirun --runtime minirun --memory 64m localhost/lab14 sleep 1414
minirun lab answer 14 parent "$(./podman inspect --format '{{.State.Pid}}' lab14-minirun)"
