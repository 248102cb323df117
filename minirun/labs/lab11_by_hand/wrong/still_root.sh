#!/bin/bash
# Of the solution, all but what makes the difference.
sed '/^# ---- with a line less/,$d; s/--reuid 1000 --regid 1000/--reuid 0 --regid 0/' "$(dirname "$0")/../solution.sh" | bash
