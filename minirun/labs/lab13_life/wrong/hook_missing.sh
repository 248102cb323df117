#!/bin/bash
jq --arg note "$PWD/diary/note" '.hooks = {createRuntime: [{path: $note, args: ["note", "createRuntime"]}],
    poststop: [{path: $note, args: ["note", "poststop"]}]}' bundle/config.json >new.json
mv new.json bundle/config.json
minirun create --bundle bundle lab13 >said 2>&1
minirun lab check 13
minirun start lab13
minirun lab check 13
minirun kill lab13 KILL
for _ in {1..100}; do
    [ "$(minirun state lab13 | jq -r .status)" != stopped ] || break
    sleep 0.1
done
minirun lab check 13
minirun delete lab13
