#!/bin/bash
# One way through lab 13. Run it in the lab's directory.
set -euo pipefail

minirun delete --force lab13 2>/dev/null || true
rm -f diary/life

# For startContainer alone the path is one of the container's, where the directory diary is mounted.
jq --arg outside "$PWD/diary/note" --arg inside /diary/note '
    def hook($path; $kind): [{path: $path, args: ["note", $kind]}];
    .hooks = {
        prestart: hook($outside; "prestart"),
        createRuntime: hook($outside; "createRuntime"),
        createContainer: hook($outside; "createContainer"),
        startContainer: hook($inside; "startContainer"),
        poststart: hook($outside; "poststart"),
        poststop: hook($outside; "poststop")
    }' bundle/config.json >new.json
mv new.json bundle/config.json

minirun create --bundle bundle lab13 >created 2>&1
minirun lab check 13 || true
minirun start lab13
minirun lab check 13 || true
minirun kill lab13 KILL
for _ in {1..100}; do
    [ "$(minirun state lab13 | jq -r .status)" != stopped ] || break
    sleep 0.1
done
minirun lab check 13 || true
minirun delete lab13

minirun lab answer 13 moves created running || true
minirun lab answer 13 inside createContainer startContainer || true
minirun lab answer 13 survives poststop
