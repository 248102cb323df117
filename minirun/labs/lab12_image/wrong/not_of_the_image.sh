#!/bin/bash
# The solution, but for what makes the difference.
whole=$(dirname "$0")/../solution.sh
sed 's/.process.env = .*Env ./.process.env = ["PATH=\/bin"] |/; /^minirun lab answer/d' "$whole" | bash
