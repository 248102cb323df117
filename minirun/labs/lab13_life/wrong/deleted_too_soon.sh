#!/bin/bash
jq --arg note "$PWD/diary/note" 'def hook($path; $kind): [{path: $path, args: ["note", $kind]}]; .hooks = {
    prestart: hook($note; "prestart"), createRuntime: hook($note; "createRuntime"),
    createContainer: hook($note; "createContainer"), startContainer: hook("/diary/note"; "startContainer"),
    poststart: hook($note; "poststart"), poststop: hook($note; "poststop")}' bundle/config.json >new.json
mv new.json bundle/config.json
minirun create --bundle bundle lab13 >said 2>&1
minirun lab check 13
minirun start lab13
minirun lab check 13
minirun delete --force lab13
