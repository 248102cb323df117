"""clone3(2) in the place of fork(2), for a child that is born where it is to be: in a cgroup, in a new pid namespace.

fork(2) takes no such wishes, and Python and the C library have nothing else. Both do something around a fork, so it is
done around this one as well:

    Python       calls PyOS_BeforeFork, then PyOS_AfterFork_Parent or _Child (docs.python.org/3/c-api/sys.html)
    C library    keeps each thread's id in memory, and has the kernel write the child's there (CLONE_CHILD_SETTID)

What the C library does beside that is about other threads, of which there are none here, and about streams that Python
does not use.
"""

from __future__ import annotations

import os
from errno import ENOSYS

from . import ctypes
from .constants import CLONE_CHILD_CLEARTID, CLONE_CHILD_SETTID, CLONE_INTO_CGROUP, CLONE_PIDFD, PR_GET_TID_ADDRESS
from .libc import Flags, SystemCallError, number_of, show
from .processes import prctl
from .signals import SIGCHLD

LIKE_FORK = CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID  # both at the same address, as the C library has it

python = ctypes.PyDLL(None, use_errno=True)  # does not let go of the interpreter's lock, which the child is to have
python.syscall.restype = ctypes.c_long


class CloneArguments(ctypes.Structure):
    """struct clone_args, linux/sched.h, as of Linux 5.7"""

    _fields_ = [(name, ctypes.c_uint64) for name in ("flags", "pidfd", "child_tid", "parent_tid", "exit_signal")] + [
        (name, ctypes.c_uint64) for name in ("stack", "stack_size", "tls", "set_tid", "set_tid_size", "cgroup")
    ]


def clone(namespaces: int, cgroup: int = -1) -> tuple[int, int]:
    """clone3(2): a child as of fork(2), in new namespaces (CLONE_NEW…) and in the cgroup of this directory. Its pid and
    a pidfd; in the child itself 0 and -1. Raises SystemCallError: ENOSYS, or prctl(2)'s EINVAL, where Python can't.
    """
    pidfd = ctypes.c_int(-1)
    wishes = CloneArguments(
        flags=flags(namespaces, cgroup >= 0),
        pidfd=ctypes.addressof(pidfd),
        child_tid=address_of_thread_id(),
        exit_signal=SIGCHLD,
        cgroup=max(cgroup, 0),
    )

    def shown() -> str:
        return show_clone(namespaces, str(cgroup) if cgroup >= 0 else "")

    pid, error = around_fork(number_of("clone3", shown), ctypes.byref(wishes))
    if pid == -1:
        raise SystemCallError(error, "clone3", shown())
    return pid, pidfd.value if pid else -1


def flags(namespaces: int, into_cgroup: bool) -> int:
    return namespaces | CLONE_PIDFD | LIKE_FORK | (CLONE_INTO_CGROUP if into_cgroup else 0)


def show_clone(namespaces: int, cgroup: str) -> str:
    """`cgroup` is "" for none."""
    told = {"flags": Flags.of(flags(namespaces, bool(cgroup)), "CLONE_"), "pidfd": "&pidfd", "exit_signal": "SIGCHLD"}
    members = told | ({"cgroup": cgroup} if cgroup else {})
    return show("clone3", Flags(f"{{{', '.join(f'.{name} = {value}' for name, value in members.items())}}}"))


def around_fork(number: ctypes.c_long, wishes: object) -> tuple[int, int]:
    """The call, with all that Python does for a fork; its result and errno."""
    python.PyOS_BeforeFork()
    result = python.syscall(number, wishes, ctypes.c_size_t(ctypes.sizeof(CloneArguments)))
    error = ctypes.get_errno()
    (python.PyOS_AfterFork_Parent if result else python.PyOS_AfterFork_Child)()
    return result, error


def address_of_thread_id() -> int:
    """PR_GET_TID_ADDRESS: where the C library has told the kernel to write. With glibc that is where it keeps the id.
    Others have something else there (musl a lock), which must stay as it is."""
    address = ctypes.c_void_p()
    prctl(PR_GET_TID_ADDRESS, "PR_GET_TID_ADDRESS", ctypes.addressof(address))
    place = address.value or 0
    if not place or ctypes.c_int.from_address(place).value != os.getpid():  # which is the id of the first thread
        raise SystemCallError(ENOSYS, "clone3", "clone3() with this C library")
    return place
