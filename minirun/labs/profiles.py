"""What `minirun spec` leaves to who makes a bundle, for the labs that are about it: a system call filter, limits, a
user namespace. Each function gives the config with one of them more, and leaves the one that it was given alone.

With a user namespace the files of the image belong to nobody inside: root in there reads them, where their modes let
everybody, and changes none. So no owner has to be changed, nor mapped, which overlayfs can't have (mount_setattr(2)).
The directories on the way to the bundle have to let others through (chmod o+x).
"""

from __future__ import annotations

import copy
from errno import ENOSYS

from ..kernel.constants import CLONE_NEWUSER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Json = dict[str, Any]

# What few programs need, and attacks on the kernel begin with. Most of it takes a capability, and in a new user
# namespace everybody has that.
REFUSED = (
    *("setns", "unshare"),  # other namespaces, and new ones
    *("mount", "umount2", "pivot_root", "fsopen", "fsconfig", "move_mount", "open_tree"),  # CVE-2022-0185: fsconfig
    *("add_key", "keyctl", "request_key"),  # keys have no namespace
    *("bpf", "perf_event_open", "userfaultfd"),  # a large part of the kernel behind one call
    *("init_module", "finit_module", "delete_module", "kexec_load", "reboot"),  # the kernel itself
    *("clock_settime", "settimeofday", "swapon", "swapoff"),  # what all share
    "open_by_handle_at",  # files by their number, past the root directory
)
NEW_USER_NAMESPACE = {
    "index": 0,
    "op": "SCMP_CMP_MASKED_EQ",
    "value": CLONE_NEWUSER,
    "valueTwo": CLONE_NEWUSER,
}

MEMORY = 64 << 20  # bytes
PIDS = 64
QUOTA, PERIOD = 50_000, 100_000  # microseconds: half a processor

FIRST_ID, IDS = 100_000, 65_536  # user_namespaces(7); the first that useradd(8) gives out, subuid(5)


def with_filter(config: Json) -> Json:
    """Refuse some system calls with EPERM; engines have longer lists.

    A filter can't see the flags of clone3(2), which lie in memory: ENOSYS makes programs take clone(2).
    """
    changed = copy.deepcopy(config)
    changed["linux"]["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [
            {"names": list(REFUSED), "action": "SCMP_ACT_ERRNO"},
            {"names": ["clone"], "action": "SCMP_ACT_ERRNO", "args": [dict(NEW_USER_NAMESPACE)]},
            {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": ENOSYS},
        ],
    }
    return changed


def with_limits(config: Json) -> Json:
    """64 MiB of memory and no swap, 64 processes, half a processor."""
    changed = copy.deepcopy(config)
    changed["linux"].setdefault("resources", {}).update(
        memory={"limit": MEMORY, "swap": MEMORY},
        pids={"limit": PIDS},
        cpu={"quota": QUOTA, "period": PERIOD},
    )
    return changed


def with_user_namespace(config: Json) -> Json:
    """Root inside is user 100000 outside, who is nobody there."""
    changed = copy.deepcopy(config)
    linux = changed["linux"]
    linux["namespaces"] = [*(one for one in linux["namespaces"] if one["type"] != "user"), {"type": "user"}]
    mapping = {"containerID": 0, "hostID": FIRST_ID, "size": IDS}
    linux.update(uidMappings=[mapping], gidMappings=[dict(mapping)])
    return changed
