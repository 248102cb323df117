#!/bin/bash
# The solution, but for what makes the difference.
sed '/^rm work/d; /^mknod/d; /^minirun lab answer/d' "$(dirname "$0")/../solution.sh" | bash
