#!/bin/bash
tar -C rootfs -c . | ./podman import - localhost/lab14
./podman run --detach --name lab14-files --memory 64m localhost/lab14 sleep 1414
