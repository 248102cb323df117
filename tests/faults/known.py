"""What is known to be otherwise: the name of a fault behind that of its command, with * for any words, and the reason;
and which faults have once found something.

What is known does not fail the run as long as it is so. When it has come right the line has to go, which the run
says: at once where the name is one fault's, and with --all where it is that of several.
"""

from __future__ import annotations

import fnmatch

PYROUTE2 = "pyroute2's event loop, by which netDevices are moved, says on stderr what it ignores, or waits for ever"
SHELL = "/bin/sh, in which the command begins, keeps its script as descriptor 10, and says why it can't"
HIDDEN = "a cgroup that root may not look at, as by a security module, counts as none"
PARENT = "a cgroup above the container's that is busy may serve others by now, so it is left and nothing is said"

HALF_WRITTEN = "a file that --pid-file names is written beside it first, and who is killed just then can't remove that"

KNOWN: dict[str, str] = {
    **{f"* (user): {fault}": PYROUTE2 for fault in ("* KiB of memory left", "ulimit -n *")},
    **{f"* (user): refuse {call} *": PYROUTE2 for call in ("ioctl", "socketpair", "epoll_create1", "fcntl")},
    "*: ulimit -n *": SHELL,
    "*: refuse openat * of the runtime: EACCES": HIDDEN,
    "*: kill at close * of the runtime": HALF_WRITTEN,
    "*: refuse fstatfs * of the runtime: EACCES": HIDDEN,
    "*: refuse rmdir * of the runtime: EBUSY": PARENT,
    "*: refuse rmdir * of the runtime: EPERM": PARENT,
    "*: refuse rmdir * of the runtime: EIO": PARENT,
}

# These are tried even if there is little time.
REMEMBERED = (
    "run (plain): refuse clone3 1 of the runtime: ENOSYS",
    "run (user): refuse pidfd_open 1 of the runtime: ENOMEM",
    "run (plain): refuse fcntl * of the runtime: EPERM",
    "exec: refuse wait4 * of the runtime: ECHILD",
    "exec: a full pipe as standard error",
    "start: refuse recvmsg 1 of the runtime: EIO",
    "run -d: refuse pselect6 * of the runtime: ENOMEM",
    "pause: refuse openat * of the runtime: EMFILE",
    "delete --force: refuse newfstatat 1 of the runtime: ENOMEM",
)


def is_remembered(name: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in REMEMBERED)


def reason(name: str) -> str:
    """Why this fault makes something wrong; "" where it should not."""
    return next((why for pattern, why in KNOWN.items() if fnmatch.fnmatchcase(name, pattern)), "")


def outlived(tried: dict[str, bool], everything: bool) -> list[str]:
    """The lines that should go. `tried` has the faults with whether something was wrong."""
    return [pattern for pattern in KNOWN if ("*" not in pattern or everything) and has_passed(pattern, tried)]


def has_passed(pattern: str, tried: dict[str, bool]) -> bool:
    found = [wrong for name, wrong in tried.items() if fnmatch.fnmatchcase(name, pattern)]
    return bool(found) and not any(found)
