"""Why a system gives its users no user namespaces, or none with rights in it. Each has its own switch.

Debian has kernel.unprivileged_userns_clone. Every kernel has user.max_user_namespaces (namespaces(7)). Ubuntu lets all
make one, and AppArmor then takes the rights inside away from programs without a profile that says `userns`. In a
container the filter for system calls forbids unshare(2). What the kernel says of it is EPERM, EACCES or ENOSPC.
"""

from __future__ import annotations

from ..kernel import files

SYSCTLS = "/proc/sys"
STATUS = "/proc/self/status"

APPARMOR = (
    "AppArmor takes the rights in a user namespace from programs without a profile that has `userns,`: as root, give "
    "minirun one in /etc/apparmor.d/minirun (docs/rootless.md has it), or for all programs of all users "
    "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
)
# The file below SYSCTLS, the value that forbids, what helps.
SWITCHES = (
    (
        "kernel/unprivileged_userns_clone",
        "0",
        "this system lets only root make user namespaces: as root, sysctl -w kernel.unprivileged_userns_clone=1",
    ),
    (
        "user/max_user_namespaces",
        "0",
        "this system allows no user namespaces at all: as root, sysctl -w user.max_user_namespaces=10000",
    ),
    (
        "kernel/apparmor_restrict_unprivileged_userns",
        "1",
        APPARMOR,
    ),
)
FILTERED = (
    "a filter for system calls holds minirun, as in most containers: run it outside, or in a container that may make "
    "user namespaces"
)


def cure() -> str:
    """What helps; "" where nothing is known to forbid them."""
    for path, forbidding, words in SWITCHES:
        if text_of(f"{SYSCTLS}/{path}").strip() == forbidding:
            return words
    return FILTERED if "Seccomp:\t2\n" in text_of(STATUS) else ""


def text_of(path: str) -> str:
    """ "" where this kernel has no such file."""
    try:
        return files.read_file(path)
    except OSError:
        return ""
