"""config.json's /linux/seccomp."""

from __future__ import annotations

from typing import Any

import pytest
from unit.spec.spec_helpers import Bad, bad, load_changed

from minirun.spec.config_rare import Seccomp, SyscallArgument, SyscallRule
from minirun.spec.load_seccomp import ACTIONS, ARCHITECTURES, FLAGS, OPERATORS

S = "/linux/seccomp"
LISTENER = {"listenerPath": "/run/agent.sock"}


def seccomp(**members: Any) -> dict[str, Any]:
    return {"defaultAction": "SCMP_ACT_ERRNO", **members}


def rule(**members: Any) -> dict[str, Any]:
    return seccomp(syscalls=[{"names": ["read"], "action": "SCMP_ACT_ALLOW", **members}])


def argument(**members: Any) -> dict[str, Any]:
    return rule(args=[{"index": 0, "value": 0, "op": "SCMP_CMP_EQ", **members}])


def read(members: dict[str, Any]) -> Seccomp:
    found = load_changed({S: members}).linux.seccomp
    assert found is not None
    return found


@bad(
    Bad(S, {}, f"{S}/defaultAction", says="missing"),
    Bad(S, {"defaultAction": ""}, f"{S}/defaultAction"),
    Bad(S, {"defaultAction": "ALLOW"}, f"{S}/defaultAction", says="SCMP_ACT_ALLOW"),
    Bad(S, {"defaultAction": "SCMP_ACT_NOTIFY"}, f"{S}/defaultAction", says="SCMP_ACT_ERRNO"),
    Bad(S, {"defaultAction": "SCMP_ACT_ALLOW", "defaultErrnoRet": 1}, f"{S}/defaultErrnoRet", says="SCMP_ACT_ERRNO"),
    Bad(S, {"defaultAction": "SCMP_ACT_KILL", "defaultErrnoRet": 0}, f"{S}/defaultErrnoRet"),
    Bad(S, seccomp(defaultErrnoRet=-1), f"{S}/defaultErrnoRet"),
    Bad(S, seccomp(defaultErrnoRet=4096), f"{S}/defaultErrnoRet", says="4094"),
    Bad(S, seccomp(defaultErrnoRet="EPERM"), f"{S}/defaultErrnoRet"),
    Bad(S, seccomp(architectures=["SCMP_ARCH_X86", "amd64"]), f"{S}/architectures/1"),
    Bad(S, seccomp(flags=["SECCOMP_FILTER_FLAG_NEW_LISTENER"]), f"{S}/flags/0"),
    Bad(S, seccomp(flags=[""]), f"{S}/flags/0"),
)
def test_bad_profiles(row: Bad) -> None:
    row.check()


@bad(
    Bad(S, rule(names=[]), f"{S}/syscalls/0/names", says="at least one"),
    Bad(S, rule(names=None), f"{S}/syscalls/0/names", says="missing"),
    Bad(S, rule(names=["read", ""]), f"{S}/syscalls/0/names/1"),
    Bad(S, rule(names="read"), f"{S}/syscalls/0/names"),
    Bad(S, rule(action=None), f"{S}/syscalls/0/action", says="missing"),
    Bad(S, rule(action="SCMP_ACT_DENY"), f"{S}/syscalls/0/action"),
    *(
        Bad(S, rule(action=action, errnoRet=1) | LISTENER, f"{S}/syscalls/0/errnoRet", says=action)
        for action in ACTIONS
        if action not in ("SCMP_ACT_ERRNO", "SCMP_ACT_TRACE")
    ),
    Bad(S, rule(action="SCMP_ACT_TRACE", errnoRet=65536), f"{S}/syscalls/0/errnoRet"),
    Bad(S, argument(index=6), f"{S}/syscalls/0/args/0/index"),
    Bad(S, argument(index=-1), f"{S}/syscalls/0/args/0/index"),
    Bad(S, argument(index=None), f"{S}/syscalls/0/args/0/index", says="missing"),
    Bad(S, argument(value=None), f"{S}/syscalls/0/args/0/value", says="missing"),
    Bad(S, argument(value=-1), f"{S}/syscalls/0/args/0/value"),
    Bad(S, argument(value=2**64), f"{S}/syscalls/0/args/0/value"),
    Bad(S, argument(valueTwo=2**64), f"{S}/syscalls/0/args/0/valueTwo"),
    Bad(S, argument(op=None), f"{S}/syscalls/0/args/0/op", says="missing"),
    Bad(S, argument(op="SCMP_CMP_MAX"), f"{S}/syscalls/0/args/0/op", says="SCMP_CMP_MASKED_EQ"),
)
def test_bad_rules(row: Bad) -> None:
    row.check()


@bad(
    Bad(S, seccomp(listenerMetadata="x"), f"{S}/listenerMetadata", says="listenerPath"),
    Bad(S, seccomp(listenerMetadata="x", listenerPath=""), f"{S}/listenerMetadata"),
    Bad(S, rule(action="SCMP_ACT_NOTIFY"), f"{S}/syscalls/0/action", says="listenerPath"),
    Bad(S, rule(action="SCMP_ACT_NOTIFY", names=["sendmmsg"]) | LISTENER, f"{S}/syscalls/0/names/0"),
    Bad(
        S,
        rule(action="SCMP_ACT_NOTIFY", names=["read", "write"]) | LISTENER,
        f"{S}/syscalls/0/names/1",
        says="for other calls",
    ),
)
def test_bad_listeners(row: Bad) -> None:
    row.check()


def test_nothing_asked_for() -> None:
    assert load_changed({S: None}).linux.seccomp is None


def test_everything() -> None:
    whole = {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": 38,
        "architectures": list(ARCHITECTURES),
        "flags": list(FLAGS),
        "listenerPath": "/run/agent.sock",
        "listenerMetadata": "any thing",
        "syscalls": [
            {
                "names": ["clone", "no_such_call"],
                "action": "SCMP_ACT_TRACE",
                "errnoRet": 65535,
                "args": [{"index": 5, "value": 2**64 - 1, "valueTwo": 1, "op": "SCMP_CMP_MASKED_EQ"}],
            }
        ],
    }
    condition = SyscallArgument(5, 2**64 - 1, "SCMP_CMP_MASKED_EQ", 1)
    made = SyscallRule(("clone", "no_such_call"), "SCMP_ACT_TRACE", 65535, (condition,))
    wanted = Seccomp("SCMP_ACT_ERRNO", 38, ARCHITECTURES, FLAGS, "/run/agent.sock", "any thing", (made,))
    assert read(whole) == wanted


def test_what_may_be_left_out() -> None:
    assert read({"defaultAction": "SCMP_ACT_LOG"}) == Seccomp("SCMP_ACT_LOG")
    assert read(rule(args=None)).syscalls == (SyscallRule(("read",), "SCMP_ACT_ALLOW"),)


@pytest.mark.parametrize("action", [action for action in ACTIONS if action != "SCMP_ACT_NOTIFY"])
def test_every_action_by_default(action: str) -> None:
    assert read({"defaultAction": action}).default_action == action


@pytest.mark.parametrize("op", OPERATORS)
def test_every_operator(op: str) -> None:
    assert read(argument(op=op)).syscalls[0].args[0].op == op


def test_metadata_that_goes_nowhere_may_be_empty() -> None:
    assert read(seccomp(listenerMetadata="")).listener_metadata is None


def test_a_listener_path_without_a_notifying_rule_is_ignored() -> None:
    """config-linux.md#seccomp: if the SCMP_ACT_NOTIFY action is not used this value is ignored."""
    assert read(seccomp(**LISTENER)).listener_path == "/run/agent.sock"
