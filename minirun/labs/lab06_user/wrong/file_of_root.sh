#!/bin/bash
maps='[{"containerID": 0, "hostID": 100000, "size": 65536}]'
jq --argjson maps "$maps" '.linux.uidMappings = $maps | .linux.gidMappings = $maps |
    .linux.namespaces += [{"type": "user"}]' bundle/config.json >config.new
mv config.new bundle/config.json
"${RUNTIME:-minirun}" run --detach --bundle bundle lab06
touch shared/mine
