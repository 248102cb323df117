"""What the filters of a process say to a system call. The kernel gives them to a tracer, as the programs that they are
(ptrace(2), PTRACE_SECCOMP_GET_FILTER; needs a kernel with CONFIG_CHECKPOINT_RESTORE); here they are run."""

from __future__ import annotations

import ctypes
import operator
import os
import struct
from errno import ENOENT
from time import monotonic, sleep

from ...errors import StateError
from ...kernel.libc import Flags, SystemCallError, call, show
from ...kernel.libseccomp import library, seccomp_syscall_resolve_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Program = list[tuple[int, int, int, int]]

# linux/ptrace.h, sys/wait.h
PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_SECCOMP_GET_FILTER = 17, 0x4206, 0x4207, 0x420C
WALL = 0x40000000
PATIENCE = 5.0  # seconds
INSTRUCTION = struct.Struct("=HBBI")  # struct sock_filter: code, jump if true, jump if false, k
DATA = struct.Struct("=iIQ6Q")  # struct seccomp_data: number, architecture, instruction pointer, arguments

# linux/seccomp.h. Where there are more filters, the first in this order counts (seccomp(2)).
ACTIONS = {
    0x80000000: "kill",
    0x00000000: "kill",
    0x00030000: "trap",
    0x00050000: "errno",
    0x7FC00000: "notify",
    0x7FF00000: "trace",
    0x7FFC0000: "log",
    0x7FFF0000: "allow",
}
ACTION, DATUM = 0xFFFF0000, 0x0000FFFF

# linux/bpf_common.h: the classes, and what libseccomp and other makers of filters use of them
LD, ALU, JMP, RET = 0x00, 0x04, 0x05, 0x06
JUMPS: dict[int, Callable[[int, int], bool]] = {
    0x10: operator.eq,
    0x20: operator.gt,
    0x30: operator.ge,
    0x40: lambda accumulator, k: bool(accumulator & k),
}
AND = 0x54


def verdict(programs: list[Program], name: str) -> str:
    """What becomes of a call whose arguments are all 0: the action, and which errno."""
    data = DATA.pack(seccomp_syscall_resolve_name(name), library().seccomp_arch_native(), *[0] * 7)
    results = [run(program, data) for program in programs]
    order = list(ACTIONS)
    result = min(results, key=lambda value: order.index(value & ACTION), default=0x7FFF0000)
    action = ACTIONS[result & ACTION]
    return f"{action} {result & DATUM}" if action == "errno" else action


def run(program: Program, data: bytes) -> int:
    """Classic BPF (the kernel's Documentation/networking/filter.rst), as far as filters use it."""
    accumulator, at = 0, 0
    while True:
        code, if_true, if_false, k = program[at]
        at += 1
        kind = code & 0x07
        if kind == RET:
            return k
        if kind == LD:
            (accumulator,) = struct.unpack_from("=I", data, k)
        elif code == AND:
            accumulator &= k
        elif kind == JMP:
            at += (if_true if JUMPS[code & 0xF0](accumulator, k) else if_false) if code & 0xF0 else k
        else:
            raise StateError(f"a filter has an instruction that this check can't read: {code:#x}")


# ---- from the kernel


def cannot_be_read() -> str:
    """pid_namespaces(7): that file is there with CONFIG_CHECKPOINT_RESTORE only, which has filters be read as well."""
    if os.path.exists("/proc/sys/kernel/ns_last_pid"):
        return ""
    return (
        "it needs a kernel with CONFIG_CHECKPOINT_RESTORE\n  cure:  use the class's machine, whose kernel is Debian's"
    )


def filters(pid: int) -> list[Program]:
    """All of a process, which stops for that moment. Raises StateError where it can't."""
    ptrace(PTRACE_SEIZE, pid, 0, None)
    stop(pid)
    try:
        return list(each(pid))
    finally:
        ptrace(PTRACE_DETACH, pid, 0, None)


def stop(pid: int) -> None:
    """What is paused by the freezer of cgroup v1 never does."""
    ptrace(PTRACE_INTERRUPT, pid, 0, None)
    deadline = monotonic() + PATIENCE
    while os.waitpid(pid, WALL | os.WNOHANG)[0] == 0:
        if monotonic() > deadline:
            raise StateError(f"process {pid} can't be looked into\n  cure:  minirun resume, if the container is paused")
        sleep(0.01)


def each(pid: int) -> Iterator[Program]:
    """The number of instructions is asked first, without a place for them."""
    for index in range(1 << 16):
        try:
            length = ptrace(PTRACE_SECCOMP_GET_FILTER, pid, index, None)
        except SystemCallError as error:
            if error.errno == ENOENT:
                return
            raise
        buffer = ctypes.create_string_buffer(length * INSTRUCTION.size)
        ptrace(PTRACE_SECCOMP_GET_FILTER, pid, index, buffer)
        yield list(INSTRUCTION.iter_unpack(buffer.raw))


def ptrace(request: int, pid: int, address: int, data: object) -> int:
    arguments = (ctypes.c_long(request), ctypes.c_int(pid), ctypes.c_void_p(address), data)
    return call("ptrace", *arguments, shown=lambda: show("ptrace", Flags(hex(request)), pid))
