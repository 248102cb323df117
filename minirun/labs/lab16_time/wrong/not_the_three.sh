#!/bin/bash
record() { # DIRECTORY: one recording, as three
    mkdir -p "$1"
    minirun delete --force lab16 2>/dev/null
    minirun run --detach --timeline "$1/1.json" --bundle bundle lab16 >said 2>&1 </dev/null
    cp "$1/1.json" "$1/2.json"
    cp "$1/1.json" "$1/3.json"
}
record before
minirun lab answer 16 dearest 1 2 3
