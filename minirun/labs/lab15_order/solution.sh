#!/bin/bash
# One way through lab 15. Run it in the lab's directory.
set -euo pipefail

cat >steps <<'END'
mount --make-rprivate /
mount --bind $R $R
mount -t proc proc $R/proc
mount --bind $DATA $R/data
mkdir $R/old
pivot_root $R $R/old
umount -l /old
rmdir /old
mount -o remount,bind,ro none /
hostname lab15
exec sleep 4715
END
./run-steps steps

# What the kernel answers when the root is not bound on itself: the same lines, with that one after pivot_root.
awk '/bind \$R \$R/ { kept = $0; next } { print } /^pivot_root/ { print kept }' steps >unbound
case $(./run-steps unbound) in
    *busy*) errno=EBUSY ;;
    *) errno=EINVAL ;;
esac
./run-steps steps

minirun lab answer 15 private EINVAL || true
minirun lab answer 15 bind "$errno" || true
minirun lab answer 15 data ENOENT || true
minirun lab answer 15 detach EBUSY || true
minirun lab answer 15 readonly EROFS
