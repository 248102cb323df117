#!/bin/bash
# The solution, but for what makes the difference.
sed '/^# ---- the container/,$d; s|work/3:work/2:work/1|work/1:work/2:work/3|' "$(dirname "$0")/../solution.sh" | bash
