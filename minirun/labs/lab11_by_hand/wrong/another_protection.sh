#!/bin/bash
# Of the solution, all but what makes the difference.
sed '/^# ---- by hand/,/^# ---- with a line less/d; s/no-new-privs$/readonly-root/' "$(dirname "$0")/../solution.sh" | bash
