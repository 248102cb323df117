"""What Docker leaves to a container's root (moby, oci/caps/defaults.go), and what each of the probe's deeds takes."""

from __future__ import annotations

DOCKER = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
)
# capabilities(7). Either of two is enough to read.
DEEDS = {
    "chown": ("CAP_CHOWN",),
    "read": ("CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH"),
    "port": ("CAP_NET_BIND_SERVICE",),
    "raw": ("CAP_NET_RAW",),
    "mknod": ("CAP_MKNOD",),
    "chroot": ("CAP_SYS_CHROOT",),
    "renice": ("CAP_SYS_NICE",),
    "hostname": ("CAP_SYS_ADMIN",),
}
