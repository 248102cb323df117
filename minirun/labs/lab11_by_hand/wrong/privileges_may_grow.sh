#!/bin/bash
# Of the solution, all but what makes the difference.
sed '/^# ---- with a line less/,$d; /--no-new-privs/d' "$(dirname "$0")/../solution.sh" | bash
