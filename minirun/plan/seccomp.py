"""`linux.seccomp` -> the steps that compile, load and share the system call filter."""

from __future__ import annotations

from errno import EPERM

from ..kernel import constants
from ..steps.seccomp import CompileFilter, LoadFilter, SendListener, TakeFilter
from ..steps.syscall_filter import Rule, lets_through

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.config_rare import Seccomp, SyscallRule
    from ..steps.step import Step
    from ..steps.told import State

WITH_ERRNO = ("SCMP_ACT_ERRNO", "SCMP_ACT_TRACE")


def compile_steps(seccomp: Seccomp) -> list[Step]:
    if seccomp.program:
        return [TakeFilter(seccomp.program, seccomp.place)]
    return [
        CompileFilter(
            action(seccomp.default_action, seccomp.default_errno_ret),
            tuple(name.removeprefix("SCMP_ARCH_").lower() for name in seccomp.architectures),
            tuple(one for rule in seccomp.syscalls for one in rules_of(rule)),
            fails_on_unknown=seccomp.fails_on_unknown,
        )
    ]


def load_steps(seccomp: Seccomp, told: State, status: str) -> list[Step]:
    """Where these stand depends on noNewPrivileges: see steps/seccomp.py. A listener is told the state."""
    steps: list[Step] = [LoadFilter(flags(seccomp), seccomp.place)]
    if uses_listener(seccomp):
        path = seccomp.listener_path or ""
        steps.append(
            SendListener(
                path if path.startswith("/") else f"{told.bundle}/{path}",
                seccomp.listener_metadata,
                told,
                status,
                seccomp.listener_place,
            )
        )
    return steps


def action(name: str, errno_ret: int | None) -> int:
    """The number that the kernel knows. config-linux.md#seccomp: without an errno it is EPERM."""
    number = constants.SECCOMP_ACTIONS[name]
    if name not in WITH_ERRNO:
        return number
    return number | (EPERM if errno_ret is None else errno_ret)


def rules_of(rule: SyscallRule) -> list[Rule]:
    """Conditions on different arguments have to be met together, as seccomp_rule_add(3) has it. It refuses two on the
    same one; other runtimes take these, and all that stand with them, for alternatives, and so do profiles."""
    number = action(rule.action, rule.errno_ret)
    conditions = tuple((arg.index, constants.SECCOMP_OPERATORS[arg.op], arg.value, arg.value_two) for arg in rule.args)
    indexes = [index for index, *_ in conditions]
    if len(indexes) == len(set(indexes)):
        return [Rule(rule.names, number, conditions)]
    return [Rule(rule.names, number, (condition,)) for condition in conditions]


def lets_pass(seccomp: Seccomp, calls: tuple[str, ...]) -> bool:
    """Whether the filter decides by itself to let these calls through, some arguments of theirs at the least. Of a
    finished program nobody knows."""
    if seccomp.program:
        return False
    default = lets_through(constants.SECCOMP_ACTIONS[seccomp.default_action])
    return not uses_listener(seccomp) and all(
        any(lets_through(constants.SECCOMP_ACTIONS[rule.action]) for rule in rules) if rules else default
        for rules in ([rule for rule in seccomp.syscalls if call in rule.names] for call in calls)
    )


def refuses(seccomp: Seccomp, call: str) -> bool:
    """Whether the filter lets no call of this name through, whatever its arguments, and nobody is asked, either. Of a
    finished program nobody knows, so it may."""
    if seccomp.program:
        return True
    actions = [rule.action for rule in seccomp.syscalls if call in rule.names] or [seccomp.default_action]
    return not any(action == "SCMP_ACT_NOTIFY" or lets_through(constants.SECCOMP_ACTIONS[action]) for action in actions)


def uses_listener(seccomp: Seccomp) -> bool:
    """config-linux.md#seccomp: without SCMP_ACT_NOTIFY, listenerPath is ignored."""
    return any(rule.action == "SCMP_ACT_NOTIFY" for rule in seccomp.syscalls)


def flags(seccomp: Seccomp) -> int:
    """seccomp(2). Without `flags` there are none: since Linux 5.16 a filter brings no mitigation of its own unless the
    administrator wants so, and SECCOMP_FILTER_FLAG_SPEC_ALLOW would take that back.
    """
    number = 0
    for name in seccomp.flags:
        number |= getattr(constants, name)
    if number & constants.SECCOMP_FILTER_FLAG_TSYNC:
        # Or else the kernel tells a failure by a number that could be a listener's, and so allows no listener.
        number |= constants.SECCOMP_FILTER_FLAG_TSYNC_ESRCH
    if uses_listener(seccomp):
        return number | constants.SECCOMP_FILTER_FLAG_NEW_LISTENER
    # It says how to wait for the listener, and without one the kernel takes it for a mistake.
    return number & ~constants.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
