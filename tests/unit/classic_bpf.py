"""Runs a program for seccomp(2) as the kernel does, and reads a profile as a person does. Tests compare the two."""

from __future__ import annotations

import functools
import struct
from typing import Any

from minirun.kernel import constants as c
from minirun.kernel import libseccomp
from minirun.plan.seccomp import compile_steps
from minirun.spec.load_seccomp import read_seccomp
from minirun.spec.reader import Node
from minirun.steps.seccomp import CompileFilter
from minirun.steps.syscall_filter import program

X86, X86_64 = 0x40000003, 0xC000003E  # AUDIT_ARCH_I386 and AUDIT_ARCH_X86_64, linux/audit.h
ALLOW, KILL, LOG = 0x7FFF0000, 0, 0x7FFC0000
ENOSYS = 0x00050000 | 38
SKIPPED = 0xFFFFFFFF  # the number that a tracer gives to a call that is not to be made


def errno(number: int) -> int:
    return 0x00050000 | number


def step_for(seccomp: dict[str, Any]) -> CompileFilter:
    (step,) = compile_steps(read_seccomp(Node(seccomp, "/linux/seccomp")))
    assert isinstance(step, CompileFilter)
    return step


def compiled(seccomp: dict[str, Any]) -> bytes:
    """The program for a profile as it stands in config.json."""
    step = step_for(seccomp)
    return program(step.default, step.architectures, step.rules)


def run(code: bytes, arch: int, number: int, args: tuple[int, ...] = ()) -> int:
    """What the program answers for a call: linux/filter.h for the instructions, linux/seccomp.h for the data."""
    data = struct.pack("<IIQ6Q", number, arch, 0, *args, *[0] * (6 - len(args)))
    instructions = list(struct.iter_unpack("<HBBI", code))
    accumulator, at, memory = 0, 0, [0] * 16
    while True:
        op, yes, no, operand = instructions[at]
        at += 1
        if op == 0x20:  # ld [k]
            (accumulator,) = struct.unpack_from("<I", data, operand)
        elif op == 0x02:  # st M[k]
            memory[operand] = accumulator
        elif op == 0x60:  # ld M[k]
            accumulator = memory[operand]
        elif op == 0x54:  # and #k
            accumulator &= operand
        elif op == 0x05:  # ja
            at += operand
        elif op == 0x06:  # ret #k
            return int(operand)
        else:
            condition = {0x15: accumulator == operand, 0x25: accumulator > operand, 0x35: accumulator >= operand}
            holds = bool(accumulator & operand) if op == 0x45 else condition[op]
            at += yes if holds else no


# ---- a profile, read by a person

COMPARE = {
    "SCMP_CMP_NE": lambda arg, one, _two: arg != one,
    "SCMP_CMP_LT": lambda arg, one, _two: arg < one,
    "SCMP_CMP_LE": lambda arg, one, _two: arg <= one,
    "SCMP_CMP_EQ": lambda arg, one, _two: arg == one,
    "SCMP_CMP_GE": lambda arg, one, _two: arg >= one,
    "SCMP_CMP_GT": lambda arg, one, _two: arg > one,
    "SCMP_CMP_MASKED_EQ": lambda arg, one, two: arg & one == two & one,  # libseccomp masks the value as well
}


@functools.cache
def number_of(name: str, arch: int) -> int:
    return libseccomp.seccomp_syscall_resolve_name_arch(arch, name)


def expected(seccomp: dict[str, Any], arch: int, number: int, args: tuple[int, ...] = ()) -> int:
    """The action for a call of a listed architecture. Rules for one call are taken for alternatives."""
    default = action_of(seccomp["defaultAction"], seccomp.get("defaultErrnoRet"))
    mentioned = {number_of(name, arch) for rule in seccomp.get("syscalls", []) for name in rule["names"]}
    mentioned = {found for found in mentioned if found >= 0}
    if mentioned and number > max(mentioned) and denies(seccomp["defaultAction"]):
        return ENOSYS
    for rule in seccomp.get("syscalls", []):
        if number in {number_of(name, arch) for name in rule["names"]} and applies(rule, args):
            return action_of(rule["action"], rule.get("errnoRet"))
    return default


def denies(action: str) -> bool:
    return action in ("SCMP_ACT_ERRNO", "SCMP_ACT_TRAP") or "KILL" in action


def applies(rule: dict[str, Any], args: tuple[int, ...]) -> bool:
    conditions = rule.get("args") or []
    met = [
        COMPARE[one["op"]]([*args, *[0] * 6][one["index"]], one["value"], one.get("valueTwo", 0)) for one in conditions
    ]
    indexes = [one["index"] for one in conditions]
    return all(met) if len(set(indexes)) == len(indexes) else any(met)


def action_of(name: str, errno_ret: int | None) -> int:
    with_errno = name in ("SCMP_ACT_ERRNO", "SCMP_ACT_TRACE")
    return c.SECCOMP_ACTIONS[name] | ((1 if errno_ret is None else errno_ret) if with_errno else 0)
