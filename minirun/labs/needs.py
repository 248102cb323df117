"""What a lab needs of the machine, and what helps where it is missing. Nothing here changes anything."""

from __future__ import annotations

import os
from errno import EACCES, ENOSPC, EPERM
from shutil import which

from ..cgroups.hierarchy import available_controllers, held_by_v1, mount_point
from ..kernel.constants import CLONE_NEWUSER
from ..kernel.libc import SystemCallError
from ..kernel.namespaces import unshare
from ..record import Record
from ..teach import throw_away

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

REFUSED = (EPERM, EACCES, ENOSPC)


class Need(Record):
    """`missing` says why it is not there, with a cure; "" where it is."""

    name: str
    missing: Callable[[], str]
    is_of_machine: bool = False  # whether the tests find it in the test machine only


def no_root() -> str:
    return "" if os.geteuid() == 0 else f"it needs root\n  cure:  sudo; without root there are the labs {others()}"


def others() -> str:
    from .catalogue import folders

    return ", ".join(one.number for one in folders() if one.lab.rootless)


ROOT = Need("root", no_root)


def controllers(*names: str) -> Need:
    """Controllers of cgroup v2."""

    def missing() -> str:
        mount = mount_point()
        lacking = set(names) - (available_controllers(mount) if mount else set())
        if not lacking:
            return ""
        return (
            f"it needs the controllers {', '.join(sorted(lacking))} of cgroup v2, which are not there\n"
            "  cure:  use the class's machine, or boot with systemd.unified_cgroup_hierarchy=1"
        )

    return Need(f"cgroup v2 with {', '.join(names)}", missing, is_of_machine=True)


def v1_controllers(*names: str) -> Need:
    """Controllers of cgroup v1: a hybrid host has them, and the class's machine v1."""

    def missing() -> str:
        lacking = set(names) - held_by_v1()
        if not lacking:
            return ""
        return (
            f"it needs the controllers {', '.join(sorted(lacking))} of cgroup v1, which are not there\n"
            "  cure:  vagrant up v1, the class's machine with cgroup v1"
        )

    return Need(f"cgroup v1 with {', '.join(names)}", missing)


def programs(*names: str) -> Need:
    def missing() -> str:
        lacking = [name for name in names if which(name) is None]
        if not lacking:
            return ""
        return (
            f"it needs {', '.join(lacking)}, which the $PATH does not lead to\n"
            "  cure:  use the class's machine, or install what has it: apt-file search bin/NAME"
        )

    return Need(f"the programs {', '.join(names)}", missing)


def no_user_namespaces() -> str:
    """Only the kernel knows: so a child tries."""
    child = os.fork()
    if child == 0:
        try:
            unshare(CLONE_NEWUSER)
        except SystemCallError as error:
            os._exit(error.errno if error.errno in REFUSED else 1)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if not status:
        return ""
    return f"it needs user namespaces: {os.strerror(status)}: unshare(CLONE_NEWUSER)\n  cure:  docs/rootless.md"


USER_NAMESPACES = Need("user namespaces", no_user_namespaces)


def no_systemd() -> str:
    """sd_booted(3)"""
    if os.path.isdir("/run/systemd/system"):
        return ""
    return "it needs systemd as the machine's first process\n  cure:  use the class's machine"


SYSTEMD = Need("systemd", no_systemd)


def no_throw_away() -> str:
    if throw_away.is_throw_away():
        return ""
    return (
        "it lets containers do to the machine what they are kept from, and nothing says that this one may break "
        f"(there is no {throw_away.MARK})\n  cure:  a machine to throw away: {throw_away.HOW}"
    )


THROW_AWAY = Need("a machine to throw away", no_throw_away, is_of_machine=True)
