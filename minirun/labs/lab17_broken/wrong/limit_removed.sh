#!/bin/bash
jq '.process.rlimits = []' b/config.json >new.json
mv new.json b/config.json
"${RUNTIME:-minirun}" run --detach --bundle b lab17b >said 2>&1 </dev/null
