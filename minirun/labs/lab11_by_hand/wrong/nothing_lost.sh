#!/bin/bash
# Of the solution, all but what makes the difference.
whole=$(dirname "$0")/../solution.sh
sed '/^# ---- by hand/,/^# ---- with a line less/d; /^sed/d; /^minirun lab answer/d' "$whole" | bash
