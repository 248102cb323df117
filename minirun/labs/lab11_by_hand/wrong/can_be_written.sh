#!/bin/bash
# Of the solution, all but what makes the difference.
sed '/^# ---- with a line less/,$d; /ro proc.sys$/d' "$(dirname "$0")/../solution.sh" | bash
