"""The six holes, each as the kernel shows it of a process in /proc, and what a program gets through it."""

from __future__ import annotations

import os
import stat

from ...kernel.constants import CAPABILITIES
from ...record import Record
from .. import look

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ...teach.inspection import Facts

SYS_ADMIN = 1 << CAPABILITIES.index("CAP_SYS_ADMIN")


class Hole(Record):
    """`secrets` says which of the machine's secrets it leads to."""

    name: str  # as `run --without` calls it, where that can do it
    is_open: Callable[[Facts], bool]
    secrets: tuple[str, ...]


def is_chrooted(one: Facts) -> bool:
    """The link leads to where the root is in the tree of its own mount namespace: that is / after pivot_root(2)."""
    return one.root != "/"


def has_directory_of_outside(one: Facts) -> bool:
    """proc_pid_fdinfo(5): mnt_id is the mount that it was opened in, which the process sees only if it is its own."""
    own = {mount.id for mount in one.mounts}
    return any(is_directory(one.pid, number) and mount_of(one.pid, number) not in own for number in one.descriptors)


def is_directory(pid: int, number: int) -> bool:
    try:
        return stat.S_ISDIR(os.stat(f"/proc/{pid}/fd/{number}").st_mode)
    except OSError:
        return False


def mount_of(pid: int, number: int) -> int:
    lines = (look.read(f"/proc/{pid}/fdinfo/{number}") or "").splitlines()
    return next(int(line.split()[1]) for line in [*lines, "mnt_id: -1"] if line.startswith("mnt_id:"))


def sees_all_processes(one: Facts) -> bool:
    return one.namespaces["pid"] == look.host_namespaces()["pid"]


def sees_all_keys(one: Facts) -> bool:
    return not any(mount.point == "/proc/keys" for mount in one.mounts)


def may_set_the_kernel(one: Facts) -> bool:
    return not any(mount.point == "/proc/sys" and "ro" in mount.options for mount in one.mounts)


def may_mount(one: Facts) -> bool:
    return bool(one.capabilities["effective"] & SYS_ADMIN)


FILE, COMMAND, KEY = "file", "command", "key"
HOLES = (
    Hole("pivot", is_chrooted, (FILE,)),
    Hole("descriptors", has_directory_of_outside, (FILE,)),
    Hole("pid", sees_all_processes, (COMMAND,)),
    Hole("masked-paths", sees_all_keys, (KEY,)),
    Hole("readonly-paths", may_set_the_kernel, (FILE,)),
    Hole("admin", may_mount, (KEY, FILE)),
)
