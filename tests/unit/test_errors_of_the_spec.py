"""Where the OCI runtime spec says "MUST generate an error" and "MUST log a warning", line by line, and what shows it.

    ERRORS        the clause -> a change that makes a good config.json bad, and where the error points to
    WARNINGS      the same for what goes on with a warning; `validate` foretells it, and a test sees it in the log
    AT_RUN_TIME   what only the kernel can know, or an operation: FILE::NAME of the test in tests/kernel that shows it

A known property whose value is invalid or can't be had is an error as well (config.md#valid-values), and so is one that
can't be applied (runtime.md#create).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from unit.spec.spec_helpers import GONE, MAPPINGS, TIME_NAMESPACE, Bad, changed

from minirun.errors import ConfigError, MinirunError
from minirun.plan.container import Options, plan
from minirun.runtime.foresight import WARNING
from minirun.runtime.validate import validate
from minirun.spec.clauses import clause
from minirun.spec.load import load, parse

TESTS = Path(__file__).parents[1]

P, L = "/process", "/linux"
R, S = f"{L}/resources", f"{L}/seccomp"
BIND = {"destination": "/a", "source": "/b", "options": ["bind"]}
HOOK = {"path": "/a"}
RULE = {"names": ["read"], "action": "SCMP_ACT_ALLOW"}
NO_OTHER_NAMESPACE = {f"{L}/namespaces": [{"type": "mount"}]}


def seccomp(**members: Any) -> dict[str, Any]:
    return {"defaultAction": "SCMP_ACT_ERRNO", **members}


def rules(**members: Any) -> dict[str, Any]:
    return seccomp(syscalls=[{**RULE, **members}])


def condition(**members: Any) -> dict[str, Any]:
    return rules(args=[{"index": 0, "value": 1, "op": "SCMP_CMP_EQ", **members}])


ERRORS: dict[str, dict[str, Bad]] = {
    "config.md#specification-version": {
        "ociVersion is missing": Bad("/ociVersion", GONE),
        "ociVersion is none of SemVer 2.0": Bad("/ociVersion", "1.0"),
        "ociVersion is not supported": Bad("/ociVersion", "2.0.0"),
    },
    "config.md#root": {
        "root is missing": Bad("/root", GONE),
        "root.path is missing": Bad("/root/path", GONE),
    },
    "config.md#mounts": {
        "destination is missing": Bad("/mounts", [{"type": "proc"}], "/mounts/0/destination"),
        "type is missing without bind": Bad("/mounts", [{"destination": "/a"}], "/mounts/0/type"),
        "source is missing with bind": Bad("/mounts", [{**BIND, "source": ""}], "/mounts/0/source"),
    },
    "config.md#linux-mount-options": {
        "an option that a bind mount can't have": Bad(
            "/mounts", [{**BIND, "options": ["bind", "size=5"]}], "/mounts/0/options"
        ),
        "idmap and nothing to map by": Bad("/mounts", [{**BIND, "options": ["bind", "idmap"]}], "/mounts/0/options"),
        "ridmap and nothing to map by": Bad("/mounts", [{**BIND, "options": ["bind", "ridmap"]}], "/mounts/0/options"),
        "tmpcopyup of no tmpfs": Bad(
            "/mounts", [{"destination": "/a", "type": "proc", "options": ["tmpcopyup"]}], "/mounts/0/options"
        ),
    },
    "config.md#posix-platform-mounts": {
        "uidMappings without gidMappings": Bad("/mounts", [{**BIND, "uidMappings": MAPPINGS}], "/mounts/0/gidMappings"),
        "gidMappings without uidMappings": Bad("/mounts", [{**BIND, "gidMappings": MAPPINGS}], "/mounts/0/uidMappings"),
    },
    "config.md#hostname": {"hostname without a namespace": Bad("/hostname", "x", also=NO_OTHER_NAMESPACE)},
    "config.md#domainname": {"domainname without a namespace": Bad("/domainname", "x", also=NO_OTHER_NAMESPACE)},
    "config.md#annotations": {
        "a key is empty": Bad("/annotations", {"": "x"}, "/annotations/"),
        "a value is no string": Bad("/annotations", {"a": {}}, "/annotations/a"),
    },
    "config.md#posix-platform-hooks": {
        "path is missing": Bad("/hooks", {"prestart": [{}]}, "/hooks/prestart/0/path"),
        "path is relative": Bad("/hooks", {"poststop": [{"path": "a"}]}, "/hooks/poststop/0/path"),
        "timeout is 0": Bad("/hooks", {"poststart": [{**HOOK, "timeout": 0}]}, "/hooks/poststart/0/timeout"),
        "timeout is negative": Bad(
            "/hooks", {"createRuntime": [{**HOOK, "timeout": -1}]}, "/hooks/createRuntime/0/timeout"
        ),
        "a variable without a value": Bad(
            "/hooks", {"createContainer": [{**HOOK, "env": ["A"]}]}, "/hooks/createContainer/0/env/0"
        ),
    },
    "config.md#process": {
        "process is missing": Bad(P, GONE),  # at `create` already; the spec would have it at `start`
        "cwd is missing": Bad(f"{P}/cwd", GONE),
        "cwd is relative": Bad(f"{P}/cwd", "a"),
        "args is missing": Bad(f"{P}/args", GONE),
        "args is empty": Bad(f"{P}/args", []),
        "a variable without a value": Bad(f"{P}/env", ["A"], f"{P}/env/0"),
    },
    "config.md#posix-process": {
        "a type that does not exist": Bad(
            f"{P}/rlimits", [{"type": "RLIMIT_X", "soft": 1, "hard": 1}], f"{P}/rlimits/0/type"
        ),
        "a type twice": Bad(f"{P}/rlimits", [{"type": "RLIMIT_CPU", "soft": 1, "hard": 1}] * 2, f"{P}/rlimits/1/type"),
        "soft above hard": Bad(f"{P}/rlimits", [{"type": "RLIMIT_CPU", "soft": 2, "hard": 1}], f"{P}/rlimits/0/soft"),
    },
    "config.md#posix-platform-user": {
        "uid is missing": Bad(f"{P}/user/uid", GONE),
        "gid is missing": Bad(f"{P}/user/gid", GONE),
        "a group that is no number": Bad(f"{P}/user/additionalGids", ["a"], f"{P}/user/additionalGids/0"),
        "umask is too large": Bad(f"{P}/user/umask", 0o1000),
    },
    "config.md#linux-process": {
        "oomScoreAdj is out of range": Bad(f"{P}/oomScoreAdj", 1001),
        "a policy that does not exist": Bad(f"{P}/scheduler", {"policy": "SCHED_X"}, f"{P}/scheduler/policy"),
        "a flag that does not exist": Bad(
            f"{P}/scheduler", {"policy": "SCHED_IDLE", "flags": ["X"]}, f"{P}/scheduler/flags/0"
        ),
        "nice out of range": Bad(f"{P}/scheduler", {"policy": "SCHED_OTHER", "nice": 20}, f"{P}/scheduler/nice"),
        "priority for another policy": Bad(
            f"{P}/scheduler", {"policy": "SCHED_OTHER", "priority": 1}, f"{P}/scheduler/priority"
        ),
        "runtime for another policy": Bad(
            f"{P}/scheduler", {"policy": "SCHED_RR", "priority": 1, "runtime": 1}, f"{P}/scheduler/runtime"
        ),
        "a class that does not exist": Bad(f"{P}/ioPriority", {"class": "X", "priority": 1}, f"{P}/ioPriority/class"),
        "priority out of range": Bad(
            f"{P}/ioPriority", {"class": "IOPRIO_CLASS_BE", "priority": 8}, f"{P}/ioPriority/priority"
        ),
        "initial is no list": Bad(f"{P}/execCPUAffinity", {"initial": "x"}, f"{P}/execCPUAffinity/initial"),
        "final is no list": Bad(f"{P}/execCPUAffinity", {"final": "1-"}, f"{P}/execCPUAffinity/final"),
    },
    "config-linux.md#namespaces": {
        "a type that does not exist": Bad(f"{L}/namespaces/-", {"type": "x"}, f"{L}/namespaces/6/type"),
        "a path that is relative": Bad(f"{L}/namespaces/0/path", "ns"),
        "a type twice": Bad(f"{L}/namespaces/-", {"type": "pid"}, f"{L}/namespaces/6/type"),
    },
    "config-linux.md#user-namespace-mappings": {
        "no mappings of users": Bad(
            f"{L}/namespaces/-", {"type": "user"}, f"{L}/uidMappings", also={f"{L}/gidMappings": []}
        ),
        "mappings without a namespace": Bad(f"{L}/gidMappings", MAPPINGS),
        "a size is missing": Bad(f"{L}/uidMappings", [{"containerID": 0, "hostID": 0}], f"{L}/uidMappings/0/size"),
    },
    "config-linux.md#offset-for-time-namespace": {
        "a clock that has no offset": Bad(f"{L}/timeOffsets", {"x": {}}, f"{L}/timeOffsets/x", also=TIME_NAMESPACE),
        "no new namespace": Bad(f"{L}/timeOffsets", {"boottime": {"secs": 1}}),
    },
    "config-linux.md#devices": {
        "a type that does not exist": Bad(f"{L}/devices", [{"type": "x", "path": "/a"}], f"{L}/devices/0/type"),
        "path is missing": Bad(f"{L}/devices", [{"type": "p"}], f"{L}/devices/0/path"),
        "major is missing": Bad(f"{L}/devices", [{"type": "c", "path": "/a", "minor": 1}], f"{L}/devices/0/major"),
        "minor is missing": Bad(f"{L}/devices", [{"type": "u", "path": "/a", "major": 1}], f"{L}/devices/0/minor"),
    },
    "config-linux.md#network-devices": {
        "a name that no device can have": Bad(
            f"{L}/netDevices", {"eth0": {"name": "a/b"}}, f"{L}/netDevices/eth0/name"
        ),
        "no namespace": Bad(f"{L}/netDevices", {"eth0": {}}, f"{L}/netDevices/eth0", also=NO_OTHER_NAMESPACE),
    },
    "config-linux.md#cgroups-path": {
        "a path that leads out": Bad(f"{L}/cgroupsPath", "/a/../.."),
        "a path that leads nowhere": Bad(f"{L}/cgroupsPath", "/"),
    },
    "config-linux.md#allowed-device-list": {
        "allow is missing": Bad(f"{R}/devices", [{}], f"{R}/devices/0/allow"),
        "a type that does not exist": Bad(f"{R}/devices", [{"allow": True, "type": "p"}], f"{R}/devices/0/type"),
        "access that does not exist": Bad(f"{R}/devices", [{"allow": True, "access": "x"}], f"{R}/devices/0/access"),
        "access is empty": Bad(f"{R}/devices", [{"allow": True, "access": ""}], f"{R}/devices/0/access"),
    },
    "config-linux.md#memory": {
        "swap without limit": Bad(f"{R}/memory", {"swap": 5}, f"{R}/memory/swap"),
        "swap below limit": Bad(f"{R}/memory", {"limit": 6, "swap": 5}, f"{R}/memory/swap"),
        "kernel, which v2 has not got": Bad(f"{R}/memory", {"kernel": 5}, f"{R}/memory/kernel"),
        "kernelTCP, which v2 has not got": Bad(f"{R}/memory", {"kernelTCP": 5}, f"{R}/memory/kernelTCP"),
        "swappiness, which v2 has not got": Bad(f"{R}/memory", {"swappiness": 5}, f"{R}/memory/swappiness"),
        "disableOOMKiller, which v2 has not got": Bad(
            f"{R}/memory", {"disableOOMKiller": True}, f"{R}/memory/disableOOMKiller"
        ),
    },
    "config-linux.md#cpu": {
        "burst above quota": Bad(f"{R}/cpu", {"quota": 5, "burst": 6}, f"{R}/cpu/burst"),
        "idle out of range": Bad(f"{R}/cpu", {"idle": 2}, f"{R}/cpu/idle"),
        "realtimeRuntime, which v2 has not got": Bad(f"{R}/cpu", {"realtimeRuntime": 5}, f"{R}/cpu/realtimeRuntime"),
        "realtimePeriod, which v2 has not got": Bad(f"{R}/cpu", {"realtimePeriod": 5}, f"{R}/cpu/realtimePeriod"),
    },
    "config-linux.md#block-io": {
        "a weight out of range": Bad(f"{R}/blockIO", {"weight": 9}, f"{R}/blockIO/weight"),
        "leafWeight, which v2 has not got": Bad(f"{R}/blockIO", {"leafWeight": 10}, f"{R}/blockIO/leafWeight"),
        "neither weight nor leafWeight": Bad(
            f"{R}/blockIO", {"weightDevice": [{"major": 8, "minor": 0}]}, f"{R}/blockIO/weightDevice/0/weight"
        ),
        "a disk's leafWeight": Bad(
            f"{R}/blockIO",
            {"weightDevice": [{"major": 8, "minor": 0, "weight": 10, "leafWeight": 10}]},
            f"{R}/blockIO/weightDevice/0/leafWeight",
        ),
        "rate is missing": Bad(
            f"{R}/blockIO",
            {"throttleReadBpsDevice": [{"major": 8, "minor": 0}]},
            f"{R}/blockIO/throttleReadBpsDevice/0/rate",
        ),
    },
    "config-linux.md#huge-page-limits": {
        "a size that is none": Bad(
            f"{R}/hugepageLimits", [{"pageSize": "2", "limit": 1}], f"{R}/hugepageLimits/0/pageSize"
        ),
        "limit is missing": Bad(f"{R}/hugepageLimits", [{"pageSize": "2MB"}], f"{R}/hugepageLimits/0/limit"),
    },
    "config-linux.md#rdma": {
        "neither hcaHandles nor hcaObjects": Bad(f"{R}/rdma", {"mlx5_1": {}}, f"{R}/rdma/mlx5_1"),
    },
    "config-linux.md#unified": {
        "a file elsewhere": Bad(f"{R}/unified", {"../cgroup.procs": "1"}, f"{R}/unified/..~1cgroup.procs"),
        "a value that is no string": Bad(f"{R}/unified", {"memory.high": 5}, f"{R}/unified/memory.high"),
    },
    "config-linux.md#network": {
        "classID, which v2 has not got": Bad(f"{R}/network", {"classID": 5}, f"{R}/network/classID"),
        "priorities, which v2 has not got": Bad(
            f"{R}/network", {"priorities": [{"name": "lo", "priority": 1}]}, f"{R}/network/priorities"
        ),
    },
    "config-linux.md#rootfs-mount-propagation": {"another word": Bad(f"{L}/rootfsPropagation", "x")},
    "config-linux.md#masked-paths": {"a relative path": Bad(f"{L}/maskedPaths", ["a"], f"{L}/maskedPaths/0")},
    "config-linux.md#readonly-paths": {"a relative path": Bad(f"{L}/readonlyPaths", ["a"], f"{L}/readonlyPaths/0")},
    "config-linux.md#personality": {
        "a domain that does not exist": Bad(f"{L}/personality", {"domain": "X"}, f"{L}/personality/domain"),
        "any flag": Bad(f"{L}/personality", {"domain": "LINUX", "flags": ["X"]}, f"{L}/personality/flags/0"),
    },
    "config-linux.md#sysctl": {
        "the host's own": Bad(f"{L}/sysctl", {"vm.swappiness": "1"}, f"{L}/sysctl/vm.swappiness"),
        "the host name": Bad(f"{L}/sysctl", {"kernel.hostname": "x"}, f"{L}/sysctl/kernel.hostname"),
        "of a namespace that is the host's": Bad(
            f"{L}/sysctl", {"net.core.somaxconn": "1"}, f"{L}/sysctl/net.core.somaxconn", also=NO_OTHER_NAMESPACE
        ),
    },
    "config-linux.md#memory-policy": {
        "a mode that does not exist": Bad(f"{L}/memoryPolicy", {"mode": "X"}, f"{L}/memoryPolicy/mode"),
        "nodes are no list": Bad(f"{L}/memoryPolicy", {"mode": "MPOL_BIND", "nodes": "x"}, f"{L}/memoryPolicy/nodes"),
        "nodes are missing": Bad(f"{L}/memoryPolicy", {"mode": "MPOL_BIND"}, f"{L}/memoryPolicy/nodes"),
        "nodes without a use": Bad(
            f"{L}/memoryPolicy", {"mode": "MPOL_LOCAL", "nodes": "0"}, f"{L}/memoryPolicy/nodes"
        ),
        "a flag that does not exist": Bad(
            f"{L}/memoryPolicy", {"mode": "MPOL_LOCAL", "flags": ["X"]}, f"{L}/memoryPolicy/flags/0"
        ),
        "flags that contradict": Bad(
            f"{L}/memoryPolicy",
            {"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"]},
            f"{L}/memoryPolicy/flags",
        ),
    },
    "config-linux.md#intelrdt": {
        "closID leads out": Bad(f"{L}/intelRdt", {"closID": ".."}, f"{L}/intelRdt/closID"),
        "closID is a path": Bad(f"{L}/intelRdt", {"closID": "a/b"}, f"{L}/intelRdt/closID"),
        "memBwSchema is none": Bad(f"{L}/intelRdt", {"memBwSchema": "L3:0=f"}, f"{L}/intelRdt/memBwSchema"),
        "schemata of two lines": Bad(f"{L}/intelRdt", {"schemata": ["L3:0=f\nMB:0=9"]}, f"{L}/intelRdt/schemata/0"),
    },
    "config-linux.md#seccomp": {
        "defaultAction is missing": Bad(S, {}, f"{S}/defaultAction"),
        "defaultAction does not exist": Bad(S, {"defaultAction": "X"}, f"{S}/defaultAction"),
        "defaultAction asks somebody": Bad(S, {"defaultAction": "SCMP_ACT_NOTIFY"}, f"{S}/defaultAction"),
        "defaultErrnoRet for an action without": Bad(
            S, {"defaultAction": "SCMP_ACT_KILL", "defaultErrnoRet": 1}, f"{S}/defaultErrnoRet"
        ),
        "errnoRet for an action without": Bad(S, rules(errnoRet=1), f"{S}/syscalls/0/errnoRet"),
        "an architecture that does not exist": Bad(S, seccomp(architectures=["X"]), f"{S}/architectures/0"),
        "a flag that does not exist": Bad(S, seccomp(flags=["X"]), f"{S}/flags/0"),
        "listenerMetadata without listenerPath": Bad(S, seccomp(listenerMetadata="x"), f"{S}/listenerMetadata"),
        "names are missing": Bad(S, rules(names=None), f"{S}/syscalls/0/names"),
        "no names": Bad(S, rules(names=[]), f"{S}/syscalls/0/names"),
        "action does not exist": Bad(S, rules(action="X"), f"{S}/syscalls/0/action"),
        "an action that nobody would answer": Bad(S, rules(action="SCMP_ACT_NOTIFY"), f"{S}/syscalls/0/action"),
        "an argument that no call has": Bad(S, condition(index=6), f"{S}/syscalls/0/args/0/index"),
        "an operator that does not exist": Bad(S, condition(op="X"), f"{S}/syscalls/0/args/0/op"),
    },
}


def options() -> Options:
    return Options(id="x", bundle="/bundle")


def flat(table: dict[str, dict[str, Any]]) -> list[Any]:
    return [
        pytest.param(place, row, id=f"{place}: {what}") for place, rows in table.items() for what, row in rows.items()
    ]


@pytest.mark.parametrize(("place", "row"), flat(ERRORS))
def test_errors(place: str, row: Bad) -> None:
    plan(parse(changed(row.good)), options())  # the change is to blame, nothing else
    with pytest.raises(ConfigError) as caught:
        plan(parse(changed(row.changes)), options())
    assert caught.value.pointer == row.at
    assert clause(row.at) == place


def test_a_bundle_without_config(tmp_path: Path) -> None:
    """bundle.md: a file of this name is REQUIRED."""
    with pytest.raises(MinirunError, match=r"no config\.json"):
        load(str(tmp_path))


def test_a_bundle_without_rootfs(tmp_path: Path) -> None:
    """config.md#root: a directory MUST exist. A run finds out by its system call: test_rootfs.py."""
    (tmp_path / "config.json").write_text(json.dumps(changed({})))
    assert [(found.level, found.pointer) for found in validate(str(tmp_path))] == [("error", "/root/path")]


C = f"{P}/capabilities"

# What is foretold, and the test that sees the warning of the run itself.
WARNINGS: dict[str, dict[str, tuple[Bad, str]]] = {
    "config.md#linux-process": {
        f"{name} that the kernel does not know": (
            Bad(C, {name: ["CAP_OF_TOMORROW"]}, f"{C}/{name}/0"),
            "capabilities::an_unknown_capability_is_a_warning_only",
        )
        for name in ("bounding", "effective", "permitted", "inheritable", "ambient")
    }
    | {
        "effective, but not permitted": (
            Bad(C, {"effective": ["CAP_CHOWN"]}, f"{C}/effective/0"),
            "capabilities::a_capability_that_can_not_be_granted_is_a_warning_only",
        ),
        "ambient, but not inheritable": (
            Bad(C, {"permitted": ["CAP_CHOWN"], "ambient": ["CAP_CHOWN"]}, f"{C}/ambient/0"),
            "warnings::a_warning_is_in_the_log_file_as_well",
        ),
    },
    "config.md#mounts": {
        "destination is relative": (  # SHOULD be absolute; a run says nothing, since it MUST take it for absolute
            Bad("/mounts", [{"destination": "a", "type": "proc"}], "/mounts/0/destination"),
            "mounts::a_mount_point_is_made_if_it_is_missing",
        )
    },
}


@pytest.mark.parametrize(("place", "row"), flat(WARNINGS))
def test_warnings(place: str, row: tuple[Bad, str], tmp_path: Path) -> None:
    (tmp_path / "rootfs").mkdir()
    change, at_run_time = row
    (tmp_path / "config.json").write_text(json.dumps(changed({f"{P}/args": ["/proc/self/exe"], **change.changes})))
    plan(load(str(tmp_path)), options())
    told = [(found.level, found.pointer, found.clause) for found in validate(str(tmp_path))]
    assert (WARNING, change.at, place) in told
    assert is_there(at_run_time)


AT_RUN_TIME = {
    "config.md#root": {
        "root.path is no directory": "rootfs::a_root_that_is_no_directory_is_refused",
    },
    "config.md#mounts": {
        "a mount fails": "mounts::an_option_that_the_file_system_does_not_know_is_refused",
        "destination leads out of the root": "hostile_rootfs::a_mount_does_not_follow_a_link_out_of_the_image",
        "source does not exist": "mounts::a_bind_source_that_does_not_exist_is_refused",
        "type is unknown": "mounts::an_unknown_file_system_is_refused",
        "a mount inside /proc": "mounts::nothing_is_mounted_inside_proc",
        "a file system that can't be mapped": "mapped_mounts::a_file_system_that_cannot_map_owners_is_refused",
    },
    "config.md#process": {
        "args[0] does not exist": "program::a_program_that_does_not_exist_is_named_in_the_error",
        "cwd is no directory": "program::a_working_directory_that_is_none_is_refused",
    },
    "config.md#posix-process": {
        "a limit above what the runtime may give": (
            "limits::a_limit_above_the_callers_without_the_privilege_is_refused"
        ),
    },
    "config.md#posix-platform-user": {
        "an id that is not mapped": "namespaces::a_user_that_is_not_mapped_is_refused",
    },
    "config.md#linux-process": {
        "apparmorProfile is not loaded": "labels::a_profile_that_is_not_loaded_is_refused",
        "AppArmor is off": "labels::a_profile_is_refused_where_apparmor_is_off",
        "SELinux is off": "labels::a_label_is_refused_where_selinux_is_off",
    },
    "config-linux.md#namespaces": {
        "path is another kind of namespace": "namespaces::the_path_of_another_kind_of_namespace_is_refused",
        "path is no namespace": "namespaces::a_path_that_is_no_namespace_is_refused",
    },
    "config-linux.md#devices": {
        "something else is at the path": "devices::something_else_in_the_place_of_a_device_is_refused",
    },
    "config-linux.md#network-devices": {
        "a device that does not exist": "net_devices::what_cannot_be_is_refused",
        "a name that is taken": "net_devices::two_devices_of_one_name_are_refused",
    },
    "config-linux.md#control-groups": {
        "a cgroup with processes": "cgroup::a_cgroup_with_processes_is_refused",
        "a cgroup that is frozen": "cgroup::a_frozen_cgroup_is_refused",
    },
    "config-linux.md#memory": {
        "checkBeforeUpdate, and more is in use": "update::a_limit_below_what_is_in_use_can_be_refused",
    },
    "config-linux.md#unified": {
        "a controller that is not there": "cgroup::a_limit_without_its_controller_is_refused_by_name",
        "a conversion that is not possible": "cgroup::a_limit_that_only_version_1_has_is_refused",
    },
    "config-linux.md#sysctl": {
        "a value that the kernel refuses": "sysctl::a_value_that_the_kernel_does_not_take_is_refused",
    },
    "config-linux.md#intelrdt": {
        "resctrl is not mounted": "scheduling::a_class_of_service_without_resctrl_is_refused",
    },
    "config-linux.md#seccomp": {
        "nobody listens": "seccomp::without_an_agent_the_container_is_refused",
        "an architecture that can't be had": ("seccomp::an_architecture_of_the_other_byte_order_is_refused"),
    },
    "runtime.md#lifecycle": {
        "a hook of create fails": "hooks::a_failure_before_start_fails_create",
        "a hook of start fails": "hooks::a_failure_in_start_ends_and_deletes_the_container",
        "a poststop hook fails, which is a warning": ("hooks::a_failure_of_poststop_is_a_warning_and_the_rest_run"),
        "a poststop hook fails, told in the log": "warnings::a_failure_of_poststop_is_in_the_log_file",
        "a hook takes longer than its timeout": "hooks::a_hook_that_takes_too_long_is_ended",
    },
    "runtime.md#state": {"it does not exist": "lifecycle::the_state_of_what_does_not_exist_is_an_error"},
    "runtime.md#create": {
        "a property can't be applied": "nothing_left::nothing_is_left_after_a_config_with",
        "any step fails": "every_step::a_failure_at_any_step_leaves_nothing_and_is_told",
        "the id is taken": "lifecycle::an_id_belongs_to_one_container",
        "the id is none": "lifecycle::an_id_that_is_no_name_is_refused",
    },
    "runtime.md#start": {
        "it runs already": "lifecycle::a_second_start_is_refused_and_changes_nothing",
        "it has ended": "lifecycle::a_stopped_container_can_not_be_started",
        "the program can't be run": "lifecycle::start_tells_why_the_program_can_not_run",
    },
    "runtime.md#kill": {"it has ended": "lifecycle::a_stopped_container_can_not_be_killed"},
    "runtime.md#delete": {
        "it runs": "lifecycle::a_running_container_is_not_deleted",
        "it does not exist": "lifecycle::delete_of_what_does_not_exist",
    },
}


def is_there(name: str) -> bool:
    file, _, function = name.partition("::")
    return f"\ndef test_{function}(" in (TESTS / "kernel" / f"test_{file}.py").read_text()


@pytest.mark.parametrize(("place", "name"), flat(AT_RUN_TIME))
def test_what_is_seen_at_run_time_has_a_test(place: str, name: str) -> None:
    assert is_there(name), place
