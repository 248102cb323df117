#!/bin/bash
tar -C rootfs -c . | ./podman import - localhost/lab14
./podman run --detach --name lab14-crun localhost/lab14 sleep 1414
