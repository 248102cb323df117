#!/bin/bash
# One way through lab 09. Run it as root in the lab's directory.
set -euo pipefail
runtime=${RUNTIME:-minirun}
nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)

"$runtime" delete --force lab09 2>/dev/null || true
pkill --exact --full '(mighty/)?sleep (9093|9095|9097)' || true

jq --slurpfile docker docker.json '.process.capabilities |= map_values($docker[0])' bundle/config.json >config.new
mv config.new bundle/config.json
"$runtime" run --detach --bundle bundle lab09

cat >matrix <<'END'
chown CAP_CHOWN
read CAP_DAC_OVERRIDE
port CAP_NET_BIND_SERVICE
raw CAP_NET_RAW
mknod CAP_MKNOD
chroot CAP_SYS_CHROOT
renice CAP_SYS_NICE
hostname CAP_SYS_ADMIN
END

"${nobody[@]}" --inh-caps=+net_bind_service --ambient-caps=+net_bind_service sleep 9093 &
"${nobody[@]}" mighty/sleep 9095 &
"${nobody[@]}" --no-new-privs mighty/sleep 9097 &
for _ in {1..200}; do
    [ "$(pgrep --count --exact --full '(mighty/)?sleep (9093|9095|9097)')" -lt 3 ] || break
    sleep 0.1
done

minirun lab answer 09 bit "$(capsh --decode=2000 | cut -d = -f 2)"
minirun lab answer 09 way_back 0
