"""Whether minirun itself is in a chroot, which containers inherit without anybody seeing it.

pivot_root(2) exchanges the root that the caller has. Below that, the mount namespace keeps the one that it began with,
and setns(2) leads there: so `minirun exec` and nsenter(1) land in the root of the host, not in that of the container.
"""

from __future__ import annotations

import os

from ..kernel import namespaces
from ..kernel.constants import CLONE_NEWNS
from ..kernel.libc import SystemCallError

TOLD = (
    "minirun is in a chroot: the host's root stays below that of the container, and minirun exec lands there\n"
    "  cure:  run minirun outside of it, or in a mount namespace whose root was changed by pivot_root(8), "
    "as systemd-nspawn(1) does"
)


def is_in_chroot() -> bool:
    """A child enters the mount namespace that it is in, which leads to its root: does it look like ours? False where
    nobody may do that."""
    own = os.stat("/")
    child = os.fork()
    if not child:
        os._exit(is_elsewhere(own))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1


def is_elsewhere(own: os.stat_result) -> bool:
    try:
        namespaces.setns(os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC), CLONE_NEWNS)
        return not os.path.samestat(own, os.stat("/"))
    except (OSError, SystemCallError):
        return False
