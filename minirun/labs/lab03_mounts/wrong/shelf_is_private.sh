#!/bin/bash
mkdir shelf
mount -t tmpfs lab03 shelf
mount --make-private shelf
