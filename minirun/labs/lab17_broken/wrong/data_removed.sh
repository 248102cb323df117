#!/bin/bash
jq '.mounts |= .[:-1]' c/config.json >new.json
mv new.json c/config.json
"${RUNTIME:-minirun}" run --detach --bundle c lab17c >said 2>&1 </dev/null
