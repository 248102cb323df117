#!/bin/bash
# The directory that crun makes below the scope.
tar -C rootfs -c . | ./podman import - localhost/lab14
./podman run --detach --name lab14-crun --memory 64m localhost/lab14 sleep 1414
pid=$(./podman inspect --format '{{.State.Pid}}' lab14-crun)
minirun lab answer 14 scope "$(basename "$(cat "/proc/$pid/cgroup")")"
