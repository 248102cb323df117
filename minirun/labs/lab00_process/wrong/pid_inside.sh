#!/bin/bash
"${RUNTIME:-minirun}" run --detach --bundle bundle lab00
minirun lab answer 00 pid 1
