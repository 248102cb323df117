#!/bin/bash
minirun spec
jq '.process.args = ["sleep", "1414"] | .process.terminal = false' config.json >edited && mv edited config.json
minirun run --detach lab14-minirun
