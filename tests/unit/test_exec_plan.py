"""The order of an exec: who enters the container's pid namespace has become who the program will be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from minirun.plan.exec import ExecOptions, exec_plan
from minirun.spec.default import default
from minirun.spec.load import parse
from minirun.steps.cgroup_entry import JoinCgroup
from minirun.steps.process import StartContainerProcess

if TYPE_CHECKING:
    from minirun.spec.config import Config
    from minirun.steps.step import Step

DEFAULT = {"defaultAction": "SCMP_ACT_ERRNO"}
USUAL = ["clone", "set_robust_list", "gettid", "exit_group", "setsid", "ioctl", "dup2"]


def config(process: dict[str, Any] | None = None, **linux: Any) -> Config:
    raw = default(rootless=False, uid=0, gid=0)
    raw["process"] |= {"terminal": False, "noNewPrivileges": False, **(process or {})}
    raw["linux"] |= linux
    return parse(raw)


def plan(config: Config, **options: Any) -> tuple[Step, ...]:
    assert config.process is not None
    return exec_plan(config, config.process, ExecOptions(pid=7, start_time=1, console_socket="", **options))


def names(config: Config) -> list[str]:
    return [type(step).__name__ for step in plan(config)]


def rule(*calls: str, action: str = "SCMP_ACT_ALLOW") -> dict[str, Any]:
    return {"names": list(calls), "action": action}


def test_rights_go_before_the_container_can_see_the_process():
    steps = names(config())
    entered = steps.index("ForkIntoNamespaces")
    assert {"SetUser", "SetCapabilities", "SetAmbientSet", "CloseFiles"} <= set(steps[:entered])
    assert steps[entered : entered + 3] == ["ForkIntoNamespaces", "AdoptContainer", "StartSession"]
    assert steps[entered + 3 :] == ["FindProgram", "SetUmask", "ResetSignals", "Execute", "SeeProgramRun"]


def test_the_process_is_born_in_the_containers_cgroup():
    steps = plan(config(), cgroup="below")
    start = next(step for step in steps if isinstance(step, StartContainerProcess))
    assert start.cgroup == JoinCgroup("below", beside=7)
    assert not any(isinstance(step, JoinCgroup) for step in steps)


def test_which_processors_it_runs_on_before_can_only_be_said_of_a_process_that_is_not_there_yet():
    steps = names(config({"execCPUAffinity": {"initial": "0", "final": "1"}}))
    started = steps.index("StartContainerProcess")
    assert steps[started + 1 : started + 4] == ["SetAffinity", "JoinCgroup", "SetAffinity"]


def test_what_is_handed_in_is_opened_outside_of_the_containers_device_filter():
    steps = names(config())
    assert steps.index("GuardDevices") < steps.index("StartContainerProcess")


def test_only_the_programs_own_process_takes_the_terminal():
    steps = names(config({"terminal": True}))
    assert steps.index("StartSession", steps.index("ForkIntoNamespaces")) < steps.index("UseTerminal")


@pytest.mark.parametrize(
    ("seccomp", "last"),
    [
        (DEFAULT | {"syscalls": [rule(*USUAL)]}, True),
        ({"defaultAction": "SCMP_ACT_ALLOW"}, True),
        (DEFAULT | {"syscalls": [rule("clone")]}, False),
        ({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule("clone", action="SCMP_ACT_ERRNO")]}, False),
        (DEFAULT | {"syscalls": [rule(*USUAL), rule("mkdir", action="SCMP_ACT_NOTIFY")], "listenerPath": "/s"}, False),
    ],
    ids=["allowed", "by default", "no setsid", "no clone", "somebody is asked"],
)
def test_a_filter_that_would_not_let_it_enter_is_loaded_inside(seccomp, last):
    steps = names(config(seccomp=seccomp))
    assert (steps.index("LoadFilter") < steps.index("ForkIntoNamespaces")) is last
    assert steps.count("StartSession") == (2 if last else 1)


def test_with_no_new_privs_the_filter_is_loaded_inside_anyway():
    steps = names(config({"noNewPrivileges": True}, seccomp=DEFAULT))
    assert steps[-3:] == ["LoadFilter", "Execute", "SeeProgramRun"]
    assert steps.index("SetCapabilities") < steps.index("ForkIntoNamespaces")


def test_a_limit_on_processes_does_not_hit_the_last_fork():
    limits = [{"type": kind, "soft": 1, "hard": 1} for kind in ("RLIMIT_NPROC", "RLIMIT_CORE")]
    steps = names(config({"rlimits": limits}))
    assert steps.index("AllowRlimit") < steps.index("SetRlimit") < steps.index("SetUser")
    assert steps.index("ForkIntoNamespaces") < steps.index("LowerRlimit")


def test_without_a_pid_namespace_there_is_nothing_to_enter():
    steps = names(config(namespaces=[{"type": "mount"}, {"type": "uts"}], sysctl={}))
    assert not {"ForkIntoNamespaces", "CloseFiles"} & set(steps)
    assert steps.count("StartSession") == 1
