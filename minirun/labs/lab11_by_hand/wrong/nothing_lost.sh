#!/bin/bash
# Of the solution, all but what makes the difference.
sed '/^# ---- by hand/,/^# ---- with a line less/d; /^sed/d; /^minirun lab answer/d' "$(dirname "$0")/../solution.sh" | bash
