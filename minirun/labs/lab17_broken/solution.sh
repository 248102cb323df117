#!/bin/bash
# One way through lab 17. Run it in the lab's directory.
set -euo pipefail
runtime=${RUNTIME:-minirun}

sed -i 's/"strictatime",,/"strictatime",/; s,"cwd": "srv","cwd": "/srv",' a/config.json
sed -i 's/RLIMIT_NOFILES/RLIMIT_NOFILE/; s/CAP_NET_BIND_SERVICES/CAP_NET_BIND_SERVICE/' b/config.json
sed -i "s,\"$PWD/date\",\"$PWD/data\"," c/config.json
sed -i '1s,/bin/bash,/bin/sh,' rootfs/bin/serve
sed -i 's/"readOnly"/"readonly"/; s/"noNewPrivilege"/"noNewPrivileges"/; s/"maskedPath"/"maskedPaths"/' e/config.json

for bundle in a b c d e; do
    "$runtime" delete --force "lab17$bundle" 2>/dev/null || true
    "$runtime" run --detach --bundle "$bundle" "lab17$bundle" >"said.$bundle" 2>&1 </dev/null
done
for _ in {1..100}; do # serve has to become sleep
    ! pgrep -f -x 'sleep 47177' >/dev/null || break
    sleep 0.1
done

minirun lab answer 17 second /process/cwd || true
minirun lab answer 17 enoent /bin/bash
