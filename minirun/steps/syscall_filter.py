"""Rules about system calls as a program for seccomp(2): what libseccomp makes of them, and a stub before it.

The kernel runs the program at every system call. It reads `struct seccomp_data` (linux/seccomp.h), most of all the
number of the call and the architecture whose numbers are meant, and answers with an action. It is classic BPF, the
language of packet filters: one register A, and jumps that only go forward.

What the stub is for. A profile lists the calls of its time; the others get EPERM. Then a C library learns a newer call.
It tries that one first, and where the kernel answers ENOSYS, "no such call", it takes the old one. The profile answers
EPERM, which no program takes for a reason to try something else, so that old profiles break new programs
(https://github.com/opencontainers/runc/issues/2151). But Linux numbers its calls as they come: a number beyond the
largest that the profile names is a call that its author could not know. The stub answers such calls with ENOSYS, and
leaves all others to the filter:

            A = architecture
            if A is not x86-64: next
            A = number
            if A has bit 30: x32        what programs of the x32 ABI add to x86-64's numbers
            if A > largest: ENOSYS
            goto filter
    x32:    if A > largest of x32: ENOSYS
            goto filter
    next:   …                           the same for the next architecture
    filter: what libseccomp made

A default that lets calls through needs no stub, since the kernel itself knows best which calls it has.
"""

from __future__ import annotations

import _struct as struct
import os
from errno import EEXIST, ENOSYS

from ..kernel import libseccomp
from ..kernel.constants import (
    BPF_MAXINSNS,
    SCMP_ARCH_X32,
    SCMP_ARCH_X86_64,
    SCMP_FLTATR_CTL_OPTIMIZE,
    SECCOMP_ACTIONS,
    SECCOMP_RET_DATA,
    X32_SYSCALL_BIT,
)
from ..kernel.libc import SystemCallError
from ..kernel.seccomp import INSTRUCTION_SIZE
from ..record import Record
from .step import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ctypes import c_void_p

# struct seccomp_data, linux/seccomp.h: where its members are
NUMBER, ARCHITECTURE = 0, 4

# Instruction codes: class | operation | source of the operand (K: in the instruction), of linux/bpf_common.h
LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
GOTO = 0x05  # BPF_JMP | BPF_JA
IF_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
IF_GREATER = 0x25  # BPF_JMP | BPF_JGT | BPF_K
IF_ANY = 0x45  # BPF_JMP | BPF_JSET | BPF_K
RETURN = 0x06  # BPF_RET | BPF_K

ANSWER_ENOSYS = SECCOMP_ACTIONS["SCMP_ACT_ERRNO"] | ENOSYS
TREE = 2  # of SCMP_FLTATR_CTL_OPTIMIZE: search the numbers as a tree. libseccomp 2.5 makes bad ones of few rules
TREE_PAYS = 32


class Rule(Record):
    """An action for the calls of these names that meet all conditions (scmp_arg_cmp's fields, seccomp_rule_add(3))."""

    names: tuple[str, ...]
    action: int
    conditions: tuple[tuple[int, int, int, int], ...] = ()


def action_name(action: int) -> str:
    """SCMP_ACT_ERRNO for 0x50001, whatever its errno."""
    kind = action & ~SECCOMP_RET_DATA
    return next(name for name, number in reversed(SECCOMP_ACTIONS.items()) if number == kind)


def lets_through(action: int) -> bool:
    """Whether the call is made. A tracer may think otherwise, but then it can answer ENOSYS by itself."""
    return action_name(action) in ("SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE")


def always_allows(name: str, default: int, rules: tuple[Rule, ...]) -> bool:
    """Whether a call is made whatever its arguments, and nobody hears of it."""
    own = [rule for rule in rules if name in rule.names]
    answers = [rule.action for rule in own] + ([] if any(not rule.conditions for rule in own) else [default])
    return all(action_name(answer) == "SCMP_ACT_ALLOW" for answer in answers)


def names_of(rules: tuple[Rule, ...]) -> list[str]:
    """Every call that the rules speak of, once."""
    return sorted({name for rule in rules for name in rule.names})


# ---- the filter


def program(default: int, architectures: tuple[str, ...], rules: tuple[Rule, ...]) -> bytes:
    """The whole program. `architectures` are libseccomp's names; this machine's own need not be among them."""
    context = libseccomp.seccomp_init(default)
    try:
        tokens = add_architectures(context, architectures)
        add_rules(context, default, rules)
        body = exported(context)
    finally:
        libseccomp.seccomp_release(context)
    whole = b"".join(instruction.pack() for instruction in stub(default, tokens, rules)) + body
    count = len(whole) // INSTRUCTION_SIZE
    if count > BPF_MAXINSNS:
        raise Refused(
            f"the filter comes to {count} instructions, of which the kernel takes {BPF_MAXINSNS}",
            "fewer architectures, or fewer conditions",
        )
    return whole


def add_architectures(context: c_void_p, names: tuple[str, ...]) -> list[int]:
    """Calls of any other architecture get libseccomp's SCMP_FLTATR_ACT_BADARCH, which kills."""
    tokens = [libseccomp.seccomp_arch_native()]
    for name in names:
        token = libseccomp.seccomp_arch_resolve_name(name)
        if not token:
            raise Refused(f"this version of libseccomp does not know the architecture {name}", "leave it out")
        if token not in tokens:
            libseccomp.seccomp_arch_add(context, token)
            tokens.append(token)
    return tokens


def add_rules(context: c_void_p, default: int, rules: tuple[Rule, ...]) -> None:
    """What does the same as the default needs no rule; libseccomp refuses such ones."""
    if len(names_of(rules)) > TREE_PAYS:
        libseccomp.seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, TREE)
    for rule in rules:
        if rule.action == default:
            continue
        for name in rule.names:
            number = libseccomp.seccomp_syscall_resolve_name(name)
            if number != libseccomp.UNKNOWN:
                add_rule(context, rule, number)


def add_rule(context: c_void_p, rule: Rule, number: int) -> None:
    try:
        libseccomp.seccomp_rule_add_array(context, rule.action, number, rule.conditions)
    except SystemCallError as error:
        if error.errno != EEXIST:  # said twice
            raise


def unknown_names(rules: tuple[Rule, ...]) -> list[str]:
    """The names that libseccomp does not know, for any architecture."""
    return [name for name in names_of(rules) if libseccomp.seccomp_syscall_resolve_name(name) == libseccomp.UNKNOWN]


def exported(context: c_void_p) -> bytes:
    """By way of a file in memory: until version 2.6, the library writes to nothing but files."""
    descriptor = os.memfd_create("seccomp", os.MFD_CLOEXEC)
    try:
        libseccomp.seccomp_export_bpf(context, descriptor)
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0)
    finally:
        os.close(descriptor)


# ---- the stub


class Instruction(Record):
    """struct sock_filter (linux/filter.h): `yes` and `no` are how many instructions a condition skips."""

    code: int
    operand: int
    yes: int = 0
    no: int = 0

    def pack(self) -> bytes:
        return struct.pack("=HBBI", self.code, self.yes, self.no, self.operand)


def stub(default: int, tokens: list[int], rules: tuple[Rule, ...]) -> tuple[Instruction, ...]:
    """What comes before the filter; nothing where the default lets calls through, or is ENOSYS already.

    It grows from its end, so that every way to the filter knows its length.
    """
    if lets_through(default) or default == ANSWER_ENOSYS:
        return ()
    largest = {token: number for token in tokens if (number := largest_number(token, rules)) is not None}
    wide = SCMP_ARCH_X86_64 in largest or SCMP_ARCH_X32 in largest
    sections: tuple[Instruction, ...] = ()
    for token, number in largest.items():
        if token not in (SCMP_ARCH_X86_64, SCMP_ARCH_X32):
            sections = section(token, limit(number, len(sections))) + sections
    if wide:
        sections = section(SCMP_ARCH_X86_64, x86_64_limits(largest, len(sections))) + sections
    return (Instruction(LOAD, ARCHITECTURE), *sections) if sections else ()


def largest_number(token: int, rules: tuple[Rule, ...]) -> int | None:
    """The largest number of a call that the rules name, whatever they say about it; None where they name none."""
    numbers = (libseccomp.seccomp_syscall_resolve_name_arch(token, name) for name in names_of(rules))
    return max((number for number in numbers if number >= 0), default=None)


def section(token: int, body: tuple[Instruction, ...]) -> tuple[Instruction, ...]:
    """The calls of one architecture; others go on behind it, with the architecture still in A."""
    body = (Instruction(LOAD, NUMBER), *body)
    return (Instruction(IF_EQUAL, token, no=len(body)), *body)


def limit(number: int | None, rest: int) -> tuple[Instruction, ...]:
    """ENOSYS for what is beyond `number`, and the way over the `rest` of the stub to the filter for all else."""
    to_filter = (Instruction(GOTO, rest),)
    if number is None:
        return to_filter
    return (Instruction(IF_GREATER, number, no=1), Instruction(RETURN, ANSWER_ENOSYS), *to_filter)


def x86_64_limits(largest: dict[int, int], rest: int) -> tuple[Instruction, ...]:
    """Without rules for x32, its calls are left to the filter, which kills."""
    x32 = limit(largest.get(SCMP_ARCH_X32), rest)
    plain = limit(largest.get(SCMP_ARCH_X86_64), len(x32) + rest)
    return (Instruction(IF_ANY, X32_SYSCALL_BIT, yes=len(plain)), *plain, *x32)
