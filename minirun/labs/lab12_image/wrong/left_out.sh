#!/bin/bash
# The solution, but for what makes the difference.
sed '/^# ---- the directory/,$d; /^touch/d' "$(dirname "$0")/../solution.sh" | bash
