"""What a process is: identity, capabilities, names, limits."""

from __future__ import annotations

import os
from errno import EINVAL, ENOENT, ESRCH

from . import ctypes
from .constants import (
    LINUX_CAPABILITY_VERSION_3,
    PF_FORKNOEXEC,
    PR_CAP_AMBIENT,
    PR_CAP_AMBIENT_CLEAR_ALL,
    PR_CAP_AMBIENT_RAISE,
    PR_CAPBSET_DROP,
    PR_CAPBSET_READ,
    PR_GET_CHILD_SUBREAPER,
    PR_SET_CHILD_SUBREAPER,
    PR_SET_DUMPABLE,
    PR_SET_KEEPCAPS,
    PR_SET_NAME,
    PR_SET_NO_NEW_PRIVS,
    PR_SET_PDEATHSIG,
)
from .files import read_file
from .libc import Flags, SystemCallError, call, os_call, show


def fork() -> int:
    """fork(2): 0 in the child, the child's pid in the parent."""
    return os_call("fork", os.fork)


def prctl(option: int, name: str, *arguments: int) -> int:
    """prctl(2): `name` is the option's name, for errors."""
    padded = (*arguments, 0, 0, 0, 0)[:4]  # most options insist on zeroes in what they don't use
    return call(
        "prctl",
        option,
        *(ctypes.c_ulong(argument) for argument in padded),
        shown=lambda: show("prctl", Flags(name), *arguments),
    )


def stat_fields(pid: int | str, started: int | None = None) -> list[str] | None:
    """proc_pid_stat(5) from field 3 on: the name before may have spaces and brackets in it.

    None where there is no such process, or with `started` none that began then. It may be gone at any time: whoever is
    its parent, such as an engine, collects it.
    """
    try:
        fields = read_file(f"/proc/{pid}/stat").rpartition(")")[2].split()
    except SystemCallError as error:
        if error.errno in (ENOENT, ESRCH):
            return None
        raise
    return fields if started in (None, start_time(fields)) else None


def start_time(stat: list[str]) -> int:
    """When the process started, in clock ticks since boot (proc_pid_stat(5), field 22): with it a pid is unique."""
    return int(stat[19])


def has_ended(stat: list[str]) -> bool:
    """Whether it is a zombie, or on its way out (proc_pid_stat(5), field 3)."""
    return stat[0] in "ZX"


def has_executed(stat: list[str]) -> bool:
    """Whether the process has called execve(2) since it was forked. The kernel keeps note of it even after its end:
    PF_FORKNOEXEC (linux/sched.h) in the flags of proc_pid_stat(5), field 9."""
    return not int(stat[6]) & PF_FORKNOEXEC


def is_first(pid: int) -> bool:
    """Whether it is number 1 of its pid namespace, and so the reason that this is there: pid_namespaces(7)."""
    try:
        lines = read_file(f"/proc/{pid}/status").splitlines()
    except OSError:
        return False  # it has ended
    return any(line.startswith("NSpid:") and line.split()[-1] == "1" for line in lines)


def set_dumpable(dumpable: bool) -> None:
    """PR_SET_DUMPABLE: whether others of the same user may trace the process and read its /proc/PID (ptrace(2))."""
    prctl(PR_SET_DUMPABLE, "PR_SET_DUMPABLE", int(dumpable))


def set_name(name: str) -> None:
    """PR_SET_NAME: what ps(1) shows as the command, at most 15 bytes."""
    buffer = ctypes.create_string_buffer(name.encode())
    prctl(PR_SET_NAME, "PR_SET_NAME", ctypes.addressof(buffer))


def set_child_subreaper(adopts: bool = True) -> None:
    """PR_SET_CHILD_SUBREAPER: whether orphans among the descendants become children of this process."""
    prctl(PR_SET_CHILD_SUBREAPER, "PR_SET_CHILD_SUBREAPER", int(adopts))


def is_child_subreaper() -> bool:
    """PR_GET_CHILD_SUBREAPER"""
    adopts = ctypes.c_int()
    prctl(PR_GET_CHILD_SUBREAPER, "PR_GET_CHILD_SUBREAPER", ctypes.addressof(adopts))
    return bool(adopts.value)


def set_death_signal(number: int) -> None:
    """PR_SET_PDEATHSIG: the signal that comes when the parent of this process ends."""
    prctl(PR_SET_PDEATHSIG, "PR_SET_PDEATHSIG", number)


def set_no_new_privs() -> None:
    """PR_SET_NO_NEW_PRIVS: execve(2) grants nothing any more. It can't be undone."""
    prctl(PR_SET_NO_NEW_PRIVS, "PR_SET_NO_NEW_PRIVS", 1)


def set_keep_capabilities(keep: bool) -> None:
    """PR_SET_KEEPCAPS: whether the permitted set survives the change from user 0 to another."""
    prctl(PR_SET_KEEPCAPS, "PR_SET_KEEPCAPS", int(keep))


def knows_capability(number: int) -> bool:
    """Whether the kernel has a capability of this number."""
    return in_bounding_set(number) is not None


def in_bounding_set(number: int) -> bool | None:
    """PR_CAPBSET_READ: whether the bounding set has the capability; None where the kernel does not know it (EINVAL)."""
    try:
        return bool(prctl(PR_CAPBSET_READ, "PR_CAPBSET_READ", number))
    except SystemCallError as error:
        if error.errno != EINVAL:
            raise
        return None


def bounding_set() -> set[int]:
    """One after the other, up to the first that the kernel does not know: the numbers have no gaps."""
    held, number = set(), 0
    while (is_in := in_bounding_set(number)) is not None:
        if is_in:
            held.add(number)
        number += 1
    return held


def drop_bounding_capability(number: int) -> bool:
    """PR_CAPBSET_DROP; False where the kernel does not know the capability, nor then any of a higher number."""
    try:
        prctl(PR_CAPBSET_DROP, "PR_CAPBSET_DROP", number)
    except SystemCallError as error:
        if error.errno != EINVAL:
            raise
        return False
    return True


def clear_ambient_capabilities() -> None:
    """PR_CAP_AMBIENT_CLEAR_ALL"""
    prctl(PR_CAP_AMBIENT, "PR_CAP_AMBIENT", PR_CAP_AMBIENT_CLEAR_ALL)


def raise_ambient_capability(number: int) -> None:
    """PR_CAP_AMBIENT_RAISE: the capability has to be permitted and inheritable already."""
    prctl(PR_CAP_AMBIENT, "PR_CAP_AMBIENT", PR_CAP_AMBIENT_RAISE, number)


class CapabilityHeader(ctypes.Structure):
    """struct __user_cap_header_struct, linux/capability.h"""

    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class CapabilityData(ctypes.Structure):
    """struct __user_cap_data_struct, linux/capability.h: two of these make 64 bits."""

    _fields_ = [(name, ctypes.c_uint32) for name in ("effective", "permitted", "inheritable")]


def capget() -> tuple[int, int, int]:
    """capget(2): the effective, permitted and inheritable sets of this process, as bit masks."""
    header, data = CapabilityHeader(LINUX_CAPABILITY_VERSION_3, 0), (CapabilityData * 2)()
    call("capget", ctypes.byref(header), ctypes.byref(data), shown=lambda: show("capget"))
    low, high = data
    return (
        low.effective | high.effective << 32,
        low.permitted | high.permitted << 32,
        low.inheritable | high.inheritable << 32,
    )


def capset(effective: int, permitted: int, inheritable: int) -> None:
    """capset(2): set three sets of this process from bit masks."""
    header, data = CapabilityHeader(LINUX_CAPABILITY_VERSION_3, 0), (CapabilityData * 2)()
    for half in (0, 1):
        data[half] = CapabilityData(*(mask >> 32 * half & 0xFFFFFFFF for mask in (effective, permitted, inheritable)))
    call(
        "capset",
        ctypes.byref(header),
        ctypes.byref(data),
        shown=lambda: show("capset", *(Flags(f"{mask:#x}") for mask in (effective, permitted, inheritable))),
    )


def sethostname(name: str) -> None:
    """sethostname(2)"""
    encoded = name.encode()
    call("sethostname", encoded, ctypes.c_size_t(len(encoded)), shown=lambda: show("sethostname", name))


def setdomainname(name: str) -> None:
    """setdomainname(2), on the page of getdomainname(2)"""
    encoded = name.encode()
    call("setdomainname", encoded, ctypes.c_size_t(len(encoded)), shown=lambda: show("setdomainname", name))


def setgroups(groups: tuple[int, ...]) -> None:
    """setgroups(2)"""
    os_call("setgroups", os.setgroups, list(groups))


def setresgid(gid: int) -> None:
    """setresgid(2) with the same id three times"""
    os_call("setresgid", os.setresgid, gid, gid, gid)


def setresuid(uid: int) -> None:
    """setresuid(2) with the same id three times"""
    os_call("setresuid", os.setresuid, uid, uid, uid)


def execve(program: str | int, arguments: tuple[str, ...], environment: dict[str, str]) -> None:
    """execve(2), or for a descriptor execveat(2). Returns only by raising SystemCallError."""
    os_call("execve", os.execve, program, arguments, environment)


class Rlimit64(ctypes.Structure):
    """struct rlimit64, linux/resource.h"""

    _fields_ = [("rlim_cur", ctypes.c_uint64), ("rlim_max", ctypes.c_uint64)]


def prlimit(pid: int, resource: int, name: str, soft: int, hard: int) -> None:
    """prlimit(2): set both limits of a process, 0 for this one."""
    limits = Rlimit64(soft, hard)
    call(
        "prlimit64",
        pid,
        resource,
        ctypes.byref(limits),
        None,
        shown=lambda: show("prlimit", pid, Flags(name), Flags(f"{{{soft}, {hard}}}"), None),
    )


def rlimits(pid: int, resource: int, name: str) -> tuple[int, int]:
    """prlimit(2): the soft and the hard limit of another process."""
    held = Rlimit64()
    call("prlimit64", pid, resource, None, ctypes.byref(held), shown=lambda: show("prlimit", pid, Flags(name), None))
    return int(held.rlim_cur), int(held.rlim_max)
