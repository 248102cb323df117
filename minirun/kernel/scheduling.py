"""How the kernel deals with a process: priorities, processors, memory, personality (sched(7))."""

from __future__ import annotations

import os

from . import ctypes
from .constants import IOPRIO_CLASS_SHIFT, IOPRIO_WHO_PGRP, IOPRIO_WHO_PROCESS, PR_GET_TIMERSLACK
from .libc import Flags, call, os_call, show, syscall
from .processes import prctl


class SchedAttr(ctypes.Structure):
    """struct sched_attr, linux/sched/types.h, in its first version of 48 bytes"""

    _fields_ = [
        ("size", ctypes.c_uint32),
        ("sched_policy", ctypes.c_uint32),
        ("sched_flags", ctypes.c_uint64),
        ("sched_nice", ctypes.c_int32),
        ("sched_priority", ctypes.c_uint32),
        ("sched_runtime", ctypes.c_uint64),
        ("sched_deadline", ctypes.c_uint64),
        ("sched_period", ctypes.c_uint64),
    ]


def sched_setattr(
    pid: int, policy: int, flags: int, nice: int, priority: int, runtime: int, deadline: int, period: int
) -> None:
    """sched_setattr(2); the last three are nanoseconds."""
    attributes = SchedAttr(ctypes.sizeof(SchedAttr), policy, flags, nice, priority, runtime, deadline, period)
    told_as = {field[0]: getattr(attributes, field[0]) for field in SchedAttr._fields_[1:]}
    syscall("sched_setattr", pid, ctypes.byref(attributes), 0, shown=lambda: show("sched_setattr", pid, told_as))


def sched_setaffinity(cpus: tuple[int, ...]) -> None:
    """sched_setaffinity(2) of this process"""
    os_call("sched_setaffinity", os.sched_setaffinity, 0, cpus)


def ioprio_set_group(io_class: int, priority: int) -> None:
    """ioprio_set(2) for this process's group"""
    value = io_class << IOPRIO_CLASS_SHIFT | priority
    syscall(
        "ioprio_set",
        IOPRIO_WHO_PGRP,
        0,
        value,
        shown=lambda: show("ioprio_set", Flags("IOPRIO_WHO_PGRP"), 0, Flags(f"{io_class} << 13 | {priority}")),
    )


def ioprio() -> int:
    """ioprio_get(2) of this thread"""
    return syscall(
        "ioprio_get", IOPRIO_WHO_PROCESS, 0, shown=lambda: show("ioprio_get", Flags("IOPRIO_WHO_PROCESS"), 0)
    )


def timer_slack() -> int:
    """PR_GET_TIMERSLACK: nanoseconds by which this thread may wake up too late."""
    return prctl(PR_GET_TIMERSLACK, "PR_GET_TIMERSLACK")


def personality(domain: int) -> None:
    """personality(2)"""
    call("personality", ctypes.c_ulong(domain), shown=lambda: show("personality", Flags(hex(domain))))


def set_mempolicy(mode: int, nodes: tuple[int, ...], name: str) -> None:
    """set_mempolicy(2) for this process; `mode` has the flags in it. The kernel reads one bit less than it is told."""
    bits = ctypes.sizeof(ctypes.c_ulong) * 8
    words = (max(nodes, default=0) + 2) // bits + 1
    mask = (ctypes.c_ulong * words)()
    for node in nodes:
        mask[node // bits] |= 1 << node % bits
    syscall(
        "set_mempolicy",
        mode,
        ctypes.byref(mask),
        words * bits,
        shown=lambda: show("set_mempolicy", Flags(name), Flags(f"nodes {nodes}"), words * bits),
    )
