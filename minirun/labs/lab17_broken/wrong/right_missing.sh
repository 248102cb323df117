#!/bin/bash
sed -i 's/RLIMIT_NOFILES/RLIMIT_NOFILE/' b/config.json
"${RUNTIME:-minirun}" run --detach --bundle b lab17b >said 2>&1 </dev/null
