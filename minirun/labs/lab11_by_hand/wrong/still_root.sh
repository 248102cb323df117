#!/bin/bash
# Of the solution, all but what makes the difference.
whole=$(dirname "$0")/../solution.sh
sed '/^# ---- with a line less/,$d; s/--reuid 1000 --regid 1000/--reuid 0 --regid 0/' "$whole" | bash
