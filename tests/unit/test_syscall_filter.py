"""The program that minirun makes of /linux/seccomp, run instruction by instruction."""

from __future__ import annotations

import platform
import random
from errno import ELIBACC
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit import classic_bpf as bpf
from unit.classic_bpf import ALLOW, ENOSYS, KILL, LOG, X86, X86_64, compiled, errno, expected, number_of, run, step_for

from minirun.kernel import constants as c
from minirun.kernel import ctypes, libseccomp
from minirun.kernel.libc import SystemCallError
from minirun.spec import load_seccomp
from minirun.steps.step import Channel, Context, Log, Refused
from minirun.steps.syscall_filter import BPF_MAXINSNS

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers are those of x86-64")

X32 = c.X32_SYSCALL_BIT
ARCHITECTURES = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]


def profile(*rules: dict[str, Any], default: str = "SCMP_ACT_ERRNO", **more: Any) -> dict[str, Any]:
    return {"defaultAction": default, "syscalls": list(rules), **more}


def rule(*names: str, action: str = "SCMP_ACT_ALLOW", **more: Any) -> dict[str, Any]:
    return {"names": list(names), "action": action, **more}


def condition(index: int, op: str, value: int, value_two: int = 0) -> dict[str, Any]:
    return {"index": index, "op": f"SCMP_CMP_{op}", "value": value, "valueTwo": value_two}


def native(seccomp: dict[str, Any], name: str, *args: int) -> int:
    return run(compiled(seccomp), X86_64, number_of(name, X86_64), args)


# ---- actions


@pytest.mark.parametrize(("name", "number"), c.SECCOMP_ACTIONS.items())
def test_each_action(name: str, number: int) -> None:
    data = 1 if name in ("SCMP_ACT_ERRNO", "SCMP_ACT_TRACE") else 0
    default = "SCMP_ACT_KILL_PROCESS" if name == "SCMP_ACT_ALLOW" else "SCMP_ACT_ALLOW"
    made = profile(rule("getpid", action=name), default=default, listenerPath="/run/agent.sock")
    assert native(made, "getpid") == number | data


@pytest.mark.parametrize("action", ["SCMP_ACT_ERRNO", "SCMP_ACT_TRACE"])
@pytest.mark.parametrize("number", [0, 1, 42, 4094])
def test_the_errno_of_a_rule_and_of_the_default(action: str, number: int) -> None:
    ruled = profile(rule("getpid", action=action, errnoRet=number), default="SCMP_ACT_ALLOW")
    assert native(ruled, "getpid") == c.SECCOMP_ACTIONS[action] | number
    default = profile(rule("reboot"), default=action, defaultErrnoRet=number)
    assert native(default, "getpid") == c.SECCOMP_ACTIONS[action] | number


def test_a_rule_that_says_what_the_default_says() -> None:
    assert native(profile(rule("getpid", action="SCMP_ACT_ERRNO"), rule("getppid")), "getpid") == errno(1)


def test_a_rule_twice_and_in_two_rules() -> None:
    made = profile(rule("getpid", "getpid"), rule("getpid"))
    assert native(made, "getpid") == ALLOW


def test_no_rules_at_all() -> None:
    assert native(profile(default="SCMP_ACT_LOG"), "getpid") == LOG
    assert native(profile(), "getpid") == errno(1)


def test_an_unknown_name_is_left_out() -> None:
    assert native(profile(rule("getpid", "no_such_call")), "getpid") == ALLOW


class Listening(Log):
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warning(self, message: str) -> None:
        self.warnings.append(message)


@pytest.mark.parametrize(
    ("default", "warned"),
    [("SCMP_ACT_ALLOW", True), ("SCMP_ACT_LOG", True)]
    + [("SCMP_ACT_TRACE", True), ("SCMP_ACT_ERRNO", False), ("SCMP_ACT_KILL_PROCESS", False)],
)
def test_an_unknown_name_that_goes_unfiltered_is_told(default: str, warned: bool) -> None:
    log = Listening()
    step_for(profile(rule("no_such_call", action="SCMP_ACT_TRAP"), default=default)).apply(Context(log, Channel()))
    assert bool(log.warnings) == warned
    assert all("no_such_call" in warning for warning in log.warnings)


# ---- conditions


@pytest.mark.parametrize("op", [name.removeprefix("SCMP_CMP_") for name in c.SECCOMP_OPERATORS if "MASKED" not in name])
@pytest.mark.parametrize("value", [0, 5, 2**32, 2**63, 2**64 - 1])
def test_operators(op: str, value: int) -> None:
    made = profile(rule("getpid", args=[condition(3, op, value)]))
    for arg in {0, value - 1, value, value + 1, value ^ 2**32, 2**64 - 1} - {-1, 2**64}:
        assert native(made, "getpid", 0, 0, 0, arg) == expected(made, X86_64, 39, (0, 0, 0, arg)), hex(arg)


@pytest.mark.parametrize("arg", [0, 0x10000000, 0x7E020000, 0x11, 2**32])
def test_a_mask(arg: int) -> None:
    made = profile(rule("clone", args=[condition(0, "MASKED_EQ", 0x7E020000, 0)]), rule("mount"))
    assert native(made, "clone", arg) == (errno(1) if arg & 0x7E020000 else ALLOW)


def test_conditions_on_several_arguments_are_met_together() -> None:
    both = rule("socket", args=[condition(0, "EQ", 16), condition(2, "EQ", 9)])
    made = profile(both, rule("reboot"))
    assert [native(made, "socket", *args) for args in [(16, 0, 9), (16, 0, 8), (2, 0, 9)]] == [
        ALLOW,
        errno(1),
        errno(1),
    ]


def test_conditions_on_the_same_argument_are_alternatives() -> None:
    made = profile(rule("personality", args=[condition(0, "EQ", 0), condition(0, "EQ", 8)]), rule("reboot"))
    assert [native(made, "personality", arg) for arg in (0, 8, 9)] == [ALLOW, ALLOW, errno(1)]


# ---- architectures, and what is newer than the profile


def test_the_native_architecture_is_always_there() -> None:
    for architectures in ([], ["SCMP_ARCH_X86"]):
        assert native(profile(rule("getpid"), architectures=architectures), "getpid") == ALLOW


def test_other_architectures_only_where_listed() -> None:
    getpid = number_of("getpid", X86)
    assert run(compiled(profile(rule("getpid"))), X86, getpid) == KILL
    assert run(compiled(profile(rule("getpid"), architectures=ARCHITECTURES)), X86, getpid) == ALLOW


def test_calls_of_x32_only_where_listed() -> None:
    assert run(compiled(profile(rule("getpid"))), X86_64, 39 | X32) == KILL
    assert run(compiled(profile(rule("getpid"), architectures=ARCHITECTURES)), X86_64, 39 | X32) == ALLOW


@pytest.mark.parametrize(
    ("default", "newer"),
    [
        ("SCMP_ACT_ERRNO", ENOSYS),
        ("SCMP_ACT_KILL", ENOSYS),
        ("SCMP_ACT_KILL_PROCESS", ENOSYS),
        ("SCMP_ACT_TRAP", ENOSYS),
        ("SCMP_ACT_ALLOW", ALLOW),
        ("SCMP_ACT_LOG", LOG),
        ("SCMP_ACT_TRACE", 0x7FF00001),
    ],
)
def test_a_call_that_is_newer_than_the_profile(default: str, newer: int) -> None:
    action = "SCMP_ACT_ALLOW" if default != "SCMP_ACT_ALLOW" else "SCMP_ACT_TRAP"
    code = compiled(profile(rule("getpid", "mount", action=action), default=default))
    last, default_action = number_of("mount", X86_64), bpf.action_of(default, None)
    assert run(code, X86_64, last) == bpf.action_of(action, None)
    assert run(code, X86_64, last - 1) == default_action
    assert [run(code, X86_64, number) for number in (last + 1, 999)] == [newer, newer]


def test_every_architecture_has_its_own_newest_call() -> None:
    code = compiled(profile(rule("mount", "faccessat2", "llseek"), architectures=ARCHITECTURES))
    for arch, bit in ((X86_64, 0), (X86, 0), (X86_64, X32)):
        newest = 439 | bit  # faccessat2 has this number everywhere
        assert run(code, arch, newest) == ALLOW
        assert run(code, arch, newest + 1) == ENOSYS
        assert run(code, arch, newest - 1) == errno(1)
    assert run(code, 0xC00000B7, 440) == KILL, "aarch64 is not listed"


def test_a_rule_that_denies_knows_the_call_as_well() -> None:
    made = profile(rule("faccessat2", action="SCMP_ACT_ERRNO", errnoRet=1), rule("getpid"))
    assert native(made, "faccessat2") == errno(1)


def test_a_default_of_enosys_needs_no_stub() -> None:
    rules = rule("getpid"), rule("mount", action="SCMP_ACT_ERRNO", errnoRet=1)
    with_stub, without = (compiled(profile(*rules, defaultErrnoRet=number)) for number in (1, 38))
    assert len(without) < len(with_stub)
    assert [run(without, X86_64, number) for number in (40, 999)] == [ENOSYS, ENOSYS]


# ---- what can't be done


def test_an_architecture_of_the_other_byte_order() -> None:
    with pytest.raises(SystemCallError) as caught:
        compiled(profile(architectures=["SCMP_ARCH_S390X"]))
    assert "leave it out" in step_for(profile()).cure(caught.value)


def test_an_architecture_that_the_library_does_not_know() -> None:
    with pytest.raises(Refused, match="sheb"):
        compiled(profile(architectures=["SCMP_ARCH_SHEB"]))


def test_more_instructions_than_the_kernel_takes() -> None:
    rules = [rule("getpid", args=[condition(0, "EQ", value * 2**32 + value)]) for value in range(BPF_MAXINSNS // 2)]
    with pytest.raises(Refused, match=str(BPF_MAXINSNS)):
        compiled(profile(*rules))


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_name: str) -> None:
        raise OSError("cannot open shared object file")

    monkeypatch.setattr(libseccomp, "loaded", [])
    monkeypatch.setattr(ctypes, "CDLL", missing)
    step = step_for(profile())
    with pytest.raises(SystemCallError) as caught:
        step.apply(Context(Listening(), Channel()))
    assert caught.value.errno == ELIBACC and "libseccomp.so.2" in caught.value.shown
    assert "apt-get install libseccomp2" in step.cure(caught.value)


def test_the_names_of_the_spec_and_the_numbers_belong_together() -> None:
    assert set(load_seccomp.ACTIONS) == set(c.SECCOMP_ACTIONS)
    assert set(load_seccomp.OPERATORS) == set(c.SECCOMP_OPERATORS)
    assert all(hasattr(c, name) for name in load_seccomp.FLAGS)


# ---- all of it together, by chance

# Not those that x86 has as parts of socketcall(2) and ipc(2), which come with rules of their own.
NAMES = ["getpid", "mount", "clone", "personality", "chmod", "openat2", "faccessat2", "reboot", "read", "ptrace"]
ACTIONS = ["ALLOW", "ERRNO", "LOG", "KILL_PROCESS", "TRAP", "TRACE"]
OPERATORS = [name.removeprefix("SCMP_CMP_") for name in c.SECCOMP_OPERATORS]
VALUES = [0, 1, 2, 7, 8, 0x7E020000, 2**31, 2**32 - 1]


def some_profile(chance: random.Random) -> dict[str, Any]:
    """Each name has either one rule, or alternatives for one argument.

    libseccomp makes one tree of all rules for a call. Where they compare the same argument in different ways, version
    2.5.4 loses some: of "1 is 1, or 1 is not 7 and 4 is 0" the first half. Other runtimes share this.
    """
    rules = []
    for name in chance.sample(NAMES, chance.randint(0, len(NAMES))):
        action, index = f"SCMP_ACT_{chance.choice(ACTIONS)}", chance.randint(0, 5)
        if chance.random() < 0.5:
            places = chance.sample(range(6), chance.randint(0, 3))
            met = [
                condition(place, chance.choice(OPERATORS), chance.choice(VALUES), chance.choice(VALUES))
                for place in places
            ]
            rules.append(rule(name, action=action, args=met))
            continue
        either = [condition(index, "EQ", value) for value in chance.sample(VALUES, chance.randint(2, 4))]
        if chance.random() < 0.5:
            rules.append(rule(name, action=action, args=either))
        else:
            rules += [rule(name, action=action, args=[one]) for one in either]
    chance.shuffle(rules)
    architectures = chance.sample(ARCHITECTURES, chance.randint(0, 3))
    return profile(*rules, default=f"SCMP_ACT_{chance.choice(ACTIONS)}", architectures=architectures)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32))
def test_the_program_does_what_the_profile_says(seed: int) -> None:
    chance = random.Random(seed)
    made = some_profile(chance)
    code = compiled(made)
    arches = [X86_64, *([X86] if "SCMP_ARCH_X86" in made["architectures"] else [])]
    for _ in range(60):
        arch = chance.choice(arches)
        number = number_of(chance.choice(NAMES), arch) if chance.random() < 0.7 else chance.randint(0, 500)
        args = tuple(chance.choice(VALUES) for _ in range(6))
        assert run(code, arch, number, args) == expected(made, arch, number, args), (made, number, args)
