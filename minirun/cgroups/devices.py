"""The device rules of config.json as an eBPF program, assembled in the open.

cgroup v1 had files for this, devices.allow and devices.deny. cgroup v2 has none: a program of the type
BPF_PROG_TYPE_CGROUP_DEVICE is attached to the cgroup, and the kernel runs it whenever a process in there (or below)
opens a device or makes a device node. It answers 1 to allow, and 0 to refuse with EPERM.

    r1 ──► struct bpf_cgroup_dev_ctx      r2  the type: 1 block, 2 character
           (linux/bpf.h)                  r3  what is wanted: 1 mknod, 2 read, 4 write, added up
                                          r4  the major number
                                          r5  the minor number        r0  the answer

How the rules are read. config-linux.md#allowed-device-list says that they apply in the listed order, so a later rule
overrides an earlier one, but only in what it speaks of: after "allow rw" and then "deny w", reading is still allowed.
So each of the three accesses (r, w, m) is judged alone, by the last rule that matches the device and names the access,
and a request is allowed when everything that it wants is. An access that no rule names is refused.

How the program does that. It asks the rules from the last to the first. r3 holds what is wanted and not yet judged:

    a deny rule    names something in r3:  refuse. One refused access refuses the request.
    an allow rule  takes what it names out of r3. When nothing is left there:  allow.

What an allow rule takes out is judged for good, because the rules that come after it here are the earlier ones in the
list. At the end something is left without a rule: refuse. A request that wants neither r, w nor m (access(2) with
F_OK or X_OK) is allowed when an allow rule matches the device.

The verifier wants each program to end, so all jumps go forward. See bpf(2) and, for the instructions, the kernel's
Documentation/bpf/standardization/instruction-set.rst. disassembly.py shows a program, line by line.
"""

from __future__ import annotations

import _struct as struct

from ..errors import ConfigError
from ..record import Record
from ..spec.config import DeviceRule

TYPE_CHECKING = False
if TYPE_CHECKING:
    Rules = tuple[DeviceRule, ...]

# linux/bpf.h: BPF_DEVCG_DEV_* and BPF_DEVCG_ACC_*
TYPES = {"b": 1, "c": 2}
ACCESSES = {"r": 2, "w": 4, "m": 1}
EVERYTHING = 7

# linux/bpf_common.h: BPF_MAXINSNS. The kernel takes more from a privileged process; such a list is a mistake.
MAXIMUM = 4096

# Registers
ANSWER, CONTEXT, TYPE, WANTED, MAJOR, MINOR = range(6)

# Instruction codes: class | operation | source of the operand (K: the immediate value), of linux/bpf_common.h
LOAD = 0x61  # BPF_LDX | BPF_MEM | BPF_W
COPY = 0xBF  # BPF_ALU64 | BPF_MOV | BPF_X
SET = 0xB7  # BPF_ALU64 | BPF_MOV | BPF_K
AND = 0x57  # BPF_ALU64 | BPF_AND | BPF_K
SHIFT = 0x77  # BPF_ALU64 | BPF_RSH | BPF_K
IF_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
IF_OTHER = 0x55  # BPF_JMP | BPF_JNE | BPF_K
IF_ANY = 0x45  # BPF_JMP | BPF_JSET | BPF_K
EXIT = 0x95  # BPF_JMP | BPF_EXIT


class Instruction(Record):
    """struct bpf_insn (linux/bpf.h). `off` of a jump counts instructions, from the one after it."""

    code: int
    dst: int = 0
    src: int = 0
    off: int = 0
    imm: int = 0

    def pack(self) -> bytes:
        """The eight bytes that the kernel reads, on a little-endian machine."""
        return struct.pack("<BBhi", self.code, self.src << 4 | self.dst, self.off, self.imm)


# ---- the rules


def default_rules() -> Rules:
    """The rules that every container gets after its own, so that they win: what programs take for granted.

    Any device node may be made: opening it is another matter. config-linux.md#default-devices names the first devices
    below; /dev/net/tun is in runc's and crun's lists, because too many programs missed it when they dropped it
    (https://github.com/opencontainers/runc/pull/4556).
    """
    numbers = (
        (1, 3),  # /dev/null
        (1, 5),  # /dev/zero
        (1, 7),  # /dev/full
        (1, 8),  # /dev/random
        (1, 9),  # /dev/urandom
        (5, 0),  # /dev/tty
        (5, 2),  # /dev/ptmx
        (136, None),  # /dev/pts/*, and with it the container's /dev/console
        (10, 200),  # /dev/net/tun
    )
    any_node = (DeviceRule(True, "c", access="m"), DeviceRule(True, "b", access="m"))
    return any_node + tuple(DeviceRule(True, "c", major, minor) for major, minor in numbers)


# ---- the program

READ_REQUEST = (
    Instruction(LOAD, TYPE, CONTEXT, off=0),
    Instruction(COPY, WANTED, TYPE),
    Instruction(AND, TYPE, imm=0xFFFF),
    Instruction(SHIFT, WANTED, imm=16),
    Instruction(LOAD, MAJOR, CONTEXT, off=4),
    Instruction(LOAD, MINOR, CONTEXT, off=8),
)
REFUSE = (Instruction(SET, ANSWER, imm=0), Instruction(EXIT))
ALLOW = (Instruction(SET, ANSWER, imm=1), Instruction(EXIT))


def program(rules: Rules) -> tuple[Instruction, ...]:
    """The program for a list of rules.

    It grows from its end: the first rule of the list is the last one to be asked, so it is put down first, and every
    jump knows how far its target is. An empty list refuses everything. The list says what is allowed; a runtime that
    takes a missing one for permission hands the host's disks to root in the container (GHSA-g54h-m393-cpwq).
    """
    body: tuple[Instruction, ...] = ()
    for rule in rules:
        body = block(rule, len(body)) + body
        if len(READ_REQUEST + body + REFUSE + ALLOW) > MAXIMUM:
            raise ConfigError(
                "/linux/resources/devices",
                f"found {len(rules)} rules, those that every container gets among them",
                f"what fits into an eBPF program of {MAXIMUM} instructions, about {MAXIMUM // 5} rules",
            )
    # The verifier refuses a program with instructions that no path leads to.
    ending = REFUSE + ALLOW if any(rule.allow for rule in rules) else REFUSE
    return READ_REQUEST + body + ending


def block(rule: DeviceRule, rest: int) -> tuple[Instruction, ...]:
    """One rule: tests of the device, each of which jumps over what remains of the block, then what the rule decides.

    `rest` is the number of instructions between this block and the answers.
    """
    instructions = decision(rule, rest)
    for register, number in ((MINOR, rule.minor), (MAJOR, rule.major), (TYPE, TYPES.get(rule.type))):
        if number is not None:
            instructions = (Instruction(IF_OTHER, register, off=len(instructions), imm=number), *instructions)
    return instructions


def decision(rule: DeviceRule, rest: int) -> tuple[Instruction, ...]:
    """What happens to a request for a device that the rule matches."""
    named = sum(ACCESSES[letter] for letter in set(rule.access))
    if not rule.allow:
        return (Instruction(IF_ANY, WANTED, off=rest, imm=named),)
    to_allow = rest + len(REFUSE)
    return (Instruction(AND, WANTED, imm=EVERYTHING & ~named), Instruction(IF_EQUAL, WANTED, off=to_allow, imm=0))
