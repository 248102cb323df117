#!/bin/bash
# Of the solution, all but what makes the difference.
whole=$(dirname "$0")/../solution.sh
sed '/^# ---- with a line less/,$d; /^pivot_root/d; /^umount/d; s/^exec setpriv/exec chroot . setpriv/' "$whole" | bash
