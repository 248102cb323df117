#!/bin/bash
# One way through lab 16. Run it in the lab's directory.
set -euo pipefail

record() { # DIRECTORY: three times, where that has not been done yet
    mkdir -p "$1"
    for number in 1 2 3; do
        [ ! -e "$1/$number.json" ] || continue
        minirun delete --force lab16 2>/dev/null || true
        minirun run --detach --timeline "$1/$number.json" --bundle bundle lab16 >said 2>&1 </dev/null
    done
}

record before
jq -s '[.[].traceEvents[] | select(.ph == "X" and .cat != "taken back")] | group_by(.args.number)
    | map({number: .[0].args.number, time: (map(.dur) | sort | .[1])}) | sort_by(-.time) | .[:3] | map(.number)[]' \
    before/*.json >dearest
mapfile -t numbers <dearest
chapter=$(jq -r '[.traceEvents[] | select(.ph == "X" and .cat != "hooks" and .cat != "taken back")] | group_by(.cat)
    | max_by(map(.dur) | add) | .[0].cat' before/1.json)

# The hook looks whether it is done, instead of waiting for as long as it might take.
sed -i "s,^sleep 0.5.*,until grep -q -x \"\$pid\" \"\$up\" 2>/dev/null; do sleep 0.01; done," network
rm -f bundle/rootfs/var/cache/old-*.tar
record after
minirun delete --force lab16 2>/dev/null || true
minirun run --detach --bundle bundle lab16 >said 2>&1 </dev/null

minirun lab answer 16 dearest "${numbers[@]}" || true
minirun lab answer 16 chapter "$chapter" || true
minirun lab answer 16 hook waiting
