#!/bin/bash
# The solution, but for what makes the difference.
sed '/^# ---- the directory/,$d; s/digest base.tar)/digest base.tar.gz)/; s/digest second.tar)/digest second.tar.gz)/; s/digest third.tar)/digest third.tar.gz)/' "$(dirname "$0")/../solution.sh" | bash
