#!/bin/bash
# The solution, but for what makes the difference.
sed 's/.process.env = .*Env ./.process.env = ["PATH=\/bin"] |/; /^minirun lab answer/d' "$(dirname "$0")/../solution.sh" | bash
