#!/bin/bash
cat >steps <<'END'
mount --make-rprivate /
mount --bind $R $R
mount -t proc proc $R/proc
mount --bind $DATA $R/data
mkdir $R/old
pivot_root $R $R/old
mount -o remount,bind,ro none /
hostname lab15
exec sleep 4715
END
./run-steps steps
