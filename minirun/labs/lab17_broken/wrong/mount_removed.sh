#!/bin/bash
sed 's/"strictatime",,/"strictatime",/' a/config.json |
    jq '.process.cwd = "/srv" | .mounts |= map(select(.destination != "/dev/shm"))' >new.json
mv new.json a/config.json
"${RUNTIME:-minirun}" run --detach --bundle a lab17a >said 2>&1 </dev/null
