#!/bin/bash
# Of the solution, all but what makes the difference.
whole=$(dirname "$0")/../solution.sh
sed '/^# ---- by hand/,/^# ---- with a line less/d; s/no-new-privs$/readonly-root/' "$whole" | bash
