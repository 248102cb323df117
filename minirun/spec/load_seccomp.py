"""config.json's /linux/seccomp -> Seccomp: which system calls the container may make (seccomp(2)).

The names are those of libseccomp's seccomp.h. Which system calls there are is left to the library: profiles name calls
of every architecture and of kernels to come.
"""

from __future__ import annotations

from ..errors import ConfigError
from .config_rare import Seccomp, SyscallArgument, SyscallRule
from .reader import Node, refuse_more_than

ERRNO, TRACE, NOTIFY = "SCMP_ACT_ERRNO", "SCMP_ACT_TRACE", "SCMP_ACT_NOTIFY"
ACTIONS = (
    "SCMP_ACT_KILL",
    "SCMP_ACT_KILL_PROCESS",
    "SCMP_ACT_KILL_THREAD",
    "SCMP_ACT_TRAP",
    ERRNO,
    TRACE,
    "SCMP_ACT_ALLOW",
    "SCMP_ACT_LOG",
    NOTIFY,
)
# Who answers for every call answers for those too that the answering takes: minirun's own, to begin with.
DEFAULT_ACTIONS = tuple(action for action in ACTIONS if action != NOTIFY)
# What the action has room for. libseccomp takes an errno below MAX_ERRNO of linux/err.h, the kernel's largest.
ERRNO_AT_MOST = {ERRNO: 4094, TRACE: 2**16 - 1}
OPERATORS = (
    "SCMP_CMP_NE",
    "SCMP_CMP_LT",
    "SCMP_CMP_LE",
    "SCMP_CMP_EQ",
    "SCMP_CMP_GE",
    "SCMP_CMP_GT",
    "SCMP_CMP_MASKED_EQ",
)
ARCHITECTURES = (
    "SCMP_ARCH_X86",
    "SCMP_ARCH_X86_64",
    "SCMP_ARCH_X32",
    "SCMP_ARCH_ARM",
    "SCMP_ARCH_AARCH64",
    "SCMP_ARCH_MIPS",
    "SCMP_ARCH_MIPS64",
    "SCMP_ARCH_MIPS64N32",
    "SCMP_ARCH_MIPSEL",
    "SCMP_ARCH_MIPSEL64",
    "SCMP_ARCH_MIPSEL64N32",
    "SCMP_ARCH_PPC",
    "SCMP_ARCH_PPC64",
    "SCMP_ARCH_PPC64LE",
    "SCMP_ARCH_S390",
    "SCMP_ARCH_S390X",
    "SCMP_ARCH_PARISC",
    "SCMP_ARCH_PARISC64",
    "SCMP_ARCH_RISCV64",
    "SCMP_ARCH_LOONGARCH64",
    "SCMP_ARCH_M68K",
    "SCMP_ARCH_SH",
    "SCMP_ARCH_SHEB",
)
FLAGS = (  # seccomp(2)
    "SECCOMP_FILTER_FLAG_TSYNC",
    "SECCOMP_FILTER_FLAG_LOG",
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
)

MOST_RULES = 10_000
MAX_INDEX = 5  # syscall(2): no call has more than six arguments
MAX_UINT64 = 2**64 - 1


def read_seccomp(node: Node) -> Seccomp:
    """config-linux.md#seccomp"""
    default = node.need("defaultAction").one_of(DEFAULT_ACTIONS)
    seccomp = Seccomp(
        default_action=default,
        architectures=node.each("architectures", lambda name: name.one_of(ARCHITECTURES)),
        flags=node.each("flags", lambda name: name.one_of(FLAGS)),
        listener_path=node.text("listenerPath"),
        listener_metadata=node.text("listenerMetadata"),
        syscalls=node.maybe("syscalls", read_rules) or (),
        default_errno_ret=read_errno(node, "defaultErrnoRet", default),
    )
    check_listener(node, seccomp)
    return seccomp


def read_errno(node: Node, key: str, action: str) -> int | None:
    """config-linux.md#seccomp: when the action doesn't support an errno, the runtime MUST fail."""
    member = node.get(key)
    if member is None:
        return None
    if action not in ERRNO_AT_MOST:
        raise member.wrong(f"nothing with {action}: an errno is for {' and '.join(ERRNO_AT_MOST)}")
    return member.integer(0, ERRNO_AT_MOST[action])


def read_rules(node: Node) -> tuple[SyscallRule, ...]:
    """A filter has room for 4096 instructions (linux/bpf_common.h, BPF_MAXINSNS)."""
    refuse_more_than(MOST_RULES, node)
    return node.every(read_rule)


def read_rule(node: Node) -> SyscallRule:
    """config-linux.md#seccomp: `names` MUST contain at least one entry."""
    action = node.need("action").one_of(ACTIONS)
    return SyscallRule(
        names=node.need("names").some(lambda name: read_name(name, action), "at least one name of a system call"),
        action=action,
        args=node.each("args", read_argument),
        errno_ret=read_errno(node, "errnoRet", action),
    )


def read_name(node: Node, action: str) -> str:
    """What minirun hands the listener over with, and says with what has failed, can't wait for somebody's answer. Other
    runtimes have write(2) alone for both."""
    if node.filled() in MINIRUNS and action == NOTIFY:
        found = f"{NOTIFY} cannot be used for the {node.string()} syscall"
        raise ConfigError(node.pointer, found, f"{NOTIFY} for other calls: {MINIRUNS[node.string()]}")
    return node.string()


# Calls that minirun itself makes between the filter and the program, and that nobody else may decide about.
MINIRUNS = {
    "sendmmsg": "this one hands the listener over",
    "write": "by this one minirun hears whether the container's process has got as far as its program",
}


def read_argument(node: Node) -> SyscallArgument:
    """config-linux.md#seccomp; seccomp_rule_add(3) has the meaning of the operators."""
    return SyscallArgument(
        index=node.need("index").integer(0, MAX_INDEX),
        value=node.need("value").integer(0, MAX_UINT64),
        op=node.need("op").one_of(OPERATORS),
        value_two=node.number("valueTwo", 0, MAX_UINT64) or 0,
    )


def check_listener(node: Node, seccomp: Seccomp) -> None:
    """config-linux.md#seccomp: `listenerMetadata` MUST NOT be set if `listenerPath` is not set."""
    if seccomp.listener_path is None and seccomp.listener_metadata is not None:
        raise node.need("listenerMetadata").wrong("this only together with listenerPath")
