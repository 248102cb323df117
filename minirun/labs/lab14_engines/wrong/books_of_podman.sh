#!/bin/bash
tar -C rootfs -c . | ./podman import - localhost/lab14
./podman run --detach --name lab14-runc --runtime runc --memory 64m localhost/lab14 sleep 1414
minirun lab answer 14 books "$(./podman inspect --format '{{.StaticDir}}' lab14-runc)"
