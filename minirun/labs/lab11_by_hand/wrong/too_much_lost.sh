#!/bin/bash
# Of the solution, all but what makes the difference.
whole=$(dirname "$0")/../solution.sh
more='sed -i "s|^mount -o remount,bind,ro.*rootfs.\$|:|; s|remount,bind,ro|remount,bind,rw|" less.sh'
sed "/^# ---- by hand/,/^# ---- with a line less/d; /^minirun lab answer/d; s/^sed.*/&; $more/" "$whole" | bash
