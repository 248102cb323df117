#!/bin/bash
# Of the solution, all but what makes the difference.
sed '/^# ---- by hand/,/^# ---- with a line less/d; /^minirun lab answer/d; s/^sed.*/&; sed -i "s|^mount -o remount,bind,ro.*rootfs.\$|:|; s|remount,bind,ro|remount,bind,rw|" less.sh/' "$(dirname "$0")/../solution.sh" | bash
