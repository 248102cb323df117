#!/bin/bash
# The solution, but for what makes the difference.
whole=$(dirname "$0")/../solution.sh
sed '/^# ---- the directory/,$d; s/digest \(base\|second\|third\).tar)/digest \1.tar.gz)/g' "$whole" | bash
