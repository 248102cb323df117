"""minirun validate: all errors at once, none that is none, and the first one is a run's."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit.spec.damage import MUTATIONS, RICH, damaged
from unit.spec.spec_helpers import GONE, GOOD, USER_NAMESPACE, changed

from minirun.errors import ConfigError, MinirunError
from minirun.plan.container import Options, plan
from minirun.runtime.foresight import ERROR, WARNING, Finding
from minirun.runtime.validate import Report, gather_plan, paragraph, validate
from minirun.spec.clauses import CLAUSES, clause
from minirun.spec.default import default
from minirun.spec.gather import Notes, gather
from minirun.spec.load import parse
from minirun.spec.reader import escape
from minirun.spec.repeats import repeated_names
from minirun.steps.step import Step

REPOSITORY = Path(__file__).parents[2]
OPTIONS = Options(id="x", bundle="/bundle")
QUICK = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))

L = "/linux"
R = f"{L}/resources"


def found_by_a_run(value: object) -> ConfigError | None:
    try:
        assert all(isinstance(step, Step) for step in plan(parse(value), OPTIONS))
    except ConfigError as error:
        return error
    return None


def gathered(value: object) -> Notes:
    config, notes = gather(value)
    gather_plan(value, config, OPTIONS, notes)
    return notes


def pointers(changes: dict[str, Any], config: dict[str, Any] = GOOD) -> list[str]:
    return [error.pointer for error in gathered(changed(changes, config)).errors]


# ---- all at once


def test_nothing_is_wrong_with_what_is_good() -> None:
    for config in (GOOD, RICH, default(False, 0, 0), default(True, 1000, 1000)):
        assert gathered(config).errors == []


MISTAKES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "of one object": (
        {"/process": {"cwd": "tmp", "args": [], "user": {}, "env": ["A=b", "C"], "oomScoreAdj": 5000}},
        {"/process/cwd", "/process/args", "/process/user/uid", "/process/user/gid", "/process/env/1"}
        | {"/process/oomScoreAdj"},
    ),
    "at the top": (
        {"/ociVersion": "2", "/root": GONE, "/hostname": 5, "/annotations": {"": "x", "a": 1}},
        {"/ociVersion", "/root", "/hostname", "/annotations/", "/annotations/a"},
    ),
    "of mounts, by the readers and by the plan": (
        {
            "/mounts": [
                {"destination": "/a", "options": ["bind"]},
                {"destination": "/b", "type": "tmpfs", "options": 5},
                {"destination": "/c"},
                {"destination": "/d", "type": "tmpfs"},
                {"destination": "/e", "options": ["bind", "tmpcopyup"], "source": "/"},
                {},
            ],
            f"{L}/cgroupsPath": "/",
            f"{R}/devices": [{"allow": True, "type": "c", "major": 1, "minor": 3, "access": "r"}] * 10_000,
            "/process": GONE,
        },
        {
            "/process",
            f"{R}/devices",
            "/mounts/0/source",
            "/mounts/1/options",
            "/mounts/2/type",
            "/mounts/4/options",
            "/mounts/5/destination",
        }
        | {f"{L}/cgroupsPath"},
    ),
    "of rules that join two properties": (
        {f"{L}/namespaces": [{"type": "user"}], "/hostname": "x", "/domainname": "y", f"{L}/sysctl": {"net.x": "1"}},
        {f"{L}/namespaces", "/hostname", "/domainname", f"{L}/sysctl/net.x", f"{L}/uidMappings", f"{L}/gidMappings"},
    ),
    "of objects whose names are free": (
        {
            f"{L}/sysctl": {"vm.x": "1", "kernel.shmmax": 1, "kernel.hostname": "x"},
            f"{L}/netDevices": {"a b": {}, "eth0": {"name": "x/y"}, "eth1": {}},
        },
        {f"{L}/sysctl/vm.x", f"{L}/sysctl/kernel.shmmax", f"{L}/sysctl/kernel.hostname"}
        | {f"{L}/netDevices/a b", f"{L}/netDevices/eth0/name"},
    ),
    "of limits": (
        {
            f"{R}/memory": {"swappiness": 5, "kernel": 5, "limit": "x"},
            f"{R}/blockIO": {"weight": 5, "weightDevice": [{"leafWeight": 5}], "throttleReadIOPSDevice": [{}]},
            f"{R}/hugepageLimits": [{"pageSize": "2"}],
            f"{R}/rdma": {"a": {}, "b": {"hcaHandles": -1}},
            f"{R}/unified": {"x": "1", "memory.high": 5},
        },
        {f"{R}/memory/{name}" for name in ("swappiness", "kernel", "limit")}
        | {f"{R}/blockIO/weight"}
        | {f"{R}/blockIO/weightDevice/0/{name}" for name in ("leafWeight", "major", "minor", "weight")}
        | {f"{R}/blockIO/throttleReadIOPSDevice/0/{name}" for name in ("major", "minor", "rate")}
        | {f"{R}/hugepageLimits/0/pageSize", f"{R}/hugepageLimits/0/limit", f"{R}/rdma/a", f"{R}/rdma/b/hcaHandles"}
        | {f"{R}/unified/x", f"{R}/unified/memory.high"},
    ),
    "of a filter": (
        {
            f"{L}/seccomp": {
                "defaultAction": "SCMP_ACT_NOTIFY",
                "architectures": ["x"],
                "syscalls": [{"names": [], "action": "SCMP_ACT_ALLOW", "args": [{"index": 6}]}, {"names": ["read"]}],
            }
        },
        {f"{L}/seccomp/defaultAction", f"{L}/seccomp/architectures/0", f"{L}/seccomp/syscalls/0/names"}
        | {f"{L}/seccomp/syscalls/0/args/0/{name}" for name in ("index", "value", "op")}
        | {f"{L}/seccomp/syscalls/1/action"},
    ),
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_all_of_them_are_told(kind: str) -> None:
    changes, expected = MISTAKES[kind]
    assert set(pointers(changes)) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"/root": {}}, ["/root/path"]),
        ({"/root": GONE}, ["/root"]),  # and not its path
        ({"/process/user": 5}, ["/process/user"]),  # and not that uid and gid are missing
        ({f"{L}/namespaces/2/type": "moutn", "/hostname": "x"}, [f"{L}/namespaces/2/type"]),
        ({f"{L}/namespaces": "mount"}, [f"{L}/namespaces"]),
        ({**USER_NAMESPACE, f"{L}/uidMappings": 5}, [f"{L}/uidMappings"]),
        ({"/process/scheduler": {"policy": "SCHED_FIFE", "priority": 5}}, ["/process/scheduler/policy"]),
        ({f"{L}/memoryPolicy": {"mode": "MPOL_BOND", "nodes": "1"}}, [f"{L}/memoryPolicy/mode"]),
        ({f"{L}/seccomp": {"defaultAction": "ERRNO", "defaultErrnoRet": 1}}, [f"{L}/seccomp/defaultAction"]),
        ({"/process/rlimits": [{"type": "RLIMIT_CPU", "soft": 5, "hard": "x"}]}, ["/process/rlimits/0/hard"]),
        ({f"{R}/memory": {"limit": "1m", "swap": 5}}, [f"{R}/memory/limit"]),
        ({"/process": 5}, ["/process"]),
        ({"/process": GONE}, ["/process"]),
    ],
)  # fmt: skip
def test_what_follows_from_a_mistake_is_not_told(changes: dict[str, Any], expected: list[str]) -> None:
    assert pointers(changes) == expected


def test_a_mistake_is_told_once_where_it_stands_twice() -> None:
    assert pointers({"/process/args": {}}) == ["/process/args"]


# ---- whatever is done to a config.json


def leads_somewhere(pointer: str, value: object) -> bool:
    """Whether something stands at the pointer, or could: the last name may be missing in an object that is there."""
    parts = pointer.split("/")[1:]
    for number, part in enumerate(parts):
        inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        found = [one for key, one in inner if escape(str(key)) == part]
        if not found:
            is_last = isinstance(value, dict) and number == len(parts) - 1
            return is_last or pointer == "/linux/namespaces"  # which is wrong where there is no /linux, too
        value = found[0]
    return True


def check(value: object) -> None:
    """A plan, or errors in places that are there; and the first of them is the one that stops a run."""
    first, notes = found_by_a_run(value), gathered(value)
    told = [(error.pointer, error.found, error.allowed) for error in notes.errors]
    assert told[:1] == ([(first.pointer, first.found, first.allowed)] if first else [])
    assert all(leads_somewhere(pointer, value) for pointer, _found, _allowed in told)
    assert len({pointer for pointer, *_ in told}) == len(told)
    assert all(clause(pointer) for pointer, *_ in told)


@QUICK
@given(MUTATIONS)
def test_damage_anywhere(mutations: list[tuple[tuple[Any, ...], str, str, Any]]) -> None:
    check(damaged(mutations))


WHOLE_PLACES = st.sampled_from(sorted(CLAUSES.keys() - {""}))
DEEP = st.integers(1, 200).map(lambda depth: json.loads("[" * depth + "]" * depth))


@QUICK
@given(st.dictionaries(WHOLE_PLACES, DEEP | st.sampled_from([GONE, None, 10**400, "x", [{}], {"x": {}}]), max_size=5))
def test_damage_to_whole_properties(changes: dict[str, Any]) -> None:
    config = RICH
    for pointer, value in changes.items():
        with contextlib.suppress(KeyError, TypeError, AttributeError, ValueError):  # another change has taken it away
            config = changed({pointer: value}, config)
    check(config)


@settings(QUICK, max_examples=150)
@given(MUTATIONS)
def test_a_damaged_file_is_judged(mutations: list[tuple[tuple[Any, ...], str, str, Any]]) -> None:
    """From the file to what is printed. NaN is no JSON, which is an error like others."""
    with tempfile.TemporaryDirectory() as bundle:
        Path(bundle, "config.json").write_text(json.dumps(damaged(mutations)))
        report = Report(validate(bundle))
    assert {finding.level for finding in report.findings} <= {ERROR, WARNING}
    assert report.exit_status == (ERROR in {finding.level for finding in report.findings})
    assert len(json.loads(report.json())) == len(report.findings)
    assert report.text().replace("\n", "").isprintable()


@pytest.mark.parametrize("value", [None, [], "x", 5, {}, {"linux": 5}, {"mounts": [None, {}, []]}])
def test_anything_but_a_config(value: object) -> None:
    check(value)


# ---- the file and the bundle


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    (tmp_path / "rootfs" / "bin").mkdir(parents=True)
    (tmp_path / "rootfs" / "bin" / "sh").touch(mode=0o755)
    return tmp_path


def write(bundle: Path, changes: dict[str, Any], config: dict[str, Any] = GOOD) -> list[Finding]:
    (bundle / "config.json").write_text(json.dumps(changed(changes, config)))
    return validate(str(bundle))


def short(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.level, finding.pointer) for finding in findings]


def test_a_good_bundle(bundle: Path) -> None:
    assert write(bundle, {}) == []


ALLOW = "SCMP_ACT_ALLOW"
TMPFS = {"destination": "/v", "type": "tmpfs"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"/root/path": "/does/not/exist"}, [(ERROR, "/root/path")]),
        ({"/root/path": "config.json"}, [(ERROR, "/root/path")]),
        ({"/process/args/0": "bash"}, [(WARNING, "/process/args/0")]),
        ({"/process/args/0": "/bin/bash"}, [(WARNING, "/process/args/0")]),
        ({"/process/args/0": "bin/sh"}, []),
        ({"/process/args/0": "./sh", "/process/cwd": "/bin"}, []),
        ({"/process/args/0": "/bin"}, [(WARNING, "/process/args/0")]),
        ({"/process/args/0": "/bin/sh", "/process/cwd": "/srv/x"}, [(WARNING, "/process/cwd")]),
        ({"/process/cwd": "/v/x", "/mounts": [{"destination": "/v", "type": "tmpfs"}]}, []),
        ({f"{L}/namespaces": []}, [(WARNING, "/linux/namespaces")]),
        ({"/process/env": ["PATH=/usr/bin"]}, [(WARNING, "/process/args/0")]),
        ({"/process/env": ["PATH=/usr/bin:/bin"]}, []),
        ({"/process/args/0": "x", "/mounts": [{"destination": "/usr", "type": "tmpfs"}]}, []),
        (
            {"/mounts": [{"destination": "/v", "source": "v", "options": ["bind"]}]},
            [(WARNING, "/mounts/0/source")],
        ),
        ({"/mounts": [{"destination": "/v", "source": "rootfs", "options": ["bind"]}]}, []),
        (
            {"/mounts": [{"destination": "v", "type": "tmpfs"}]},
            [(WARNING, "/mounts/0/destination")],
        ),
        ({"/hooks": {"poststop": [{"path": "/does/not/exist"}]}}, [(WARNING, "/hooks/poststop/0/path")]),
        (
            {"/hooks": {"startContainer": [{"path": "/bin/sh"}, {"path": "/bin/x"}]}},
            [(WARNING, "/hooks/startContainer/1/path")],
        ),
        ({"/hooks": {"createContainer": [{"path": sys.executable}]}}, []),
        ({f"{L}/namespaces/0/path": "/does/not/exist"}, [(WARNING, f"{L}/namespaces/0/path")]),
        ({"/process/capabilities": {"bounding": ["CAP_OF_TOMORROW"]}}, [(WARNING, "/process/capabilities/bounding/0")]),
        (
            {f"{L}/seccomp": {"defaultAction": ALLOW, "syscalls": [{"names": ["mkdri"], "action": "SCMP_ACT_LOG"}]}},
            [(WARNING, "/linux/seccomp/syscalls/0/names/0")],
        ),
        (
            {"/mounts": [TMPFS | {"options": ["rnodv", "size=5", "noswap", "nodv"]}]},
            [(WARNING, "/mounts/0/options/0"), (WARNING, "/mounts/0/options/3")],
        ),
        ({"/process/capabilities": {"effective": ["CAP_CHOWN"]}}, [(WARNING, "/process/capabilities/effective/0")]),
        ({"/process/capabilities": {"ambient": ["CAP_CHOWN"]}}, [(WARNING, "/process/capabilities/ambient/0")]),
        ({"/process/capabilities": {key: ["CAP_CHOWN"] for key in ("bounding", "permitted", "ambient")}}, []),
        (
            {
                "/process/capabilities": {key: ["CAP_CHOWN"] for key in ("bounding", "permitted", "ambient")},
                "/process/user/uid": 5,
            },
            [(WARNING, "/process/capabilities/ambient/0")],
        ),
        (
            {"/process/capabilities": {kind: ["CAP_CHOWN"] for kind in ("permitted", "inheritable", "ambient")}},
            [],
        ),
    ],
)  # fmt: skip
def test_what_the_bundle_lacks(bundle: Path, changes: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert short(write(bundle, changes)) == expected


def test_the_root_file_system_is_looked_at_from_inside(bundle: Path) -> None:
    """A symlink of the image leads nowhere outside of it."""
    (bundle / "rootfs" / "bin" / "outside").symlink_to(sys.executable)
    (bundle / "rootfs" / "sh").symlink_to("/bin/sh")
    assert short(write(bundle, {"/process/args": ["/bin/outside"]})) == [(WARNING, "/process/args/0")]
    assert write(bundle, {"/process/args": ["/sh"]}) == []


def test_other_mounts_keep_their_numbers(bundle: Path) -> None:
    mounts = [{"destination": "/a"}, {"destination": 5}, {"destination": "/v", "source": "v", "options": ["bind"]}]
    found = write(bundle, {"/mounts": mounts})
    assert sorted(short(found)) == [
        (ERROR, "/mounts/0/type"),
        (ERROR, "/mounts/1/destination"),
        (WARNING, "/mounts/2/source"),
    ]


@pytest.mark.parametrize(
    ("changes", "pointer", "meant"),
    [
        ({"/process/arg": ["x"]}, "/process/arg", "args"),
        ({"/mount": []}, "/mount", "mounts"),
        ({"/mounts": [{"destination": "/a", "type": "tmpfs", "option": []}]}, "/mounts/0/option", "options"),
        ({f"{L}/namespace": []}, f"{L}/namespace", "namespaces"),
        ({f"{L}/seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscall": []}}, f"{L}/seccomp/syscall", "syscalls"),
        ({f"{R}/cpu": {"share": 5}}, f"{R}/cpu/share", "shares"),
        ({"/process/consoleSize": {"height": 1, "width": 1}}, "/process/consoleSize", ""),  # without a terminal
        ({"/windows": {}}, "/windows", ""),
    ],
)
def test_what_has_no_effect(bundle: Path, changes: dict[str, Any], pointer: str, meant: str) -> None:
    (finding,) = write(bundle, changes)
    assert (finding.level, finding.pointer) == (WARNING, pointer)
    assert meant in finding.cure


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"/process/user": GONE}, set()),
        ({"/process/ioPriority": {"class": "IOPRIO_CLASS_BE"}}, {"/process/ioPriority/priority"}),
        ({"/process/scheduler": {"policy": "SCHED_IDLE", "nice": 5}}, {"/process/scheduler/nice"}),
        ({"/process/scheduler": {"policy": "SCHED_BATCH", "nice": 5}}, set()),
        (
            {f"{R}/devices": [{"allow": True, "access": "rw"}, {"allow": True, "access": "rwa"}]},
            {f"{R}/devices/1/access"},
        ),
        ({"/annotations": {"run.oci.keep_original_groups": "1", "run.oci.systemd.subgroup": "", "x": "y"}}, set()),
        ({"/annotations": {"run.oci.systemd.subgroup": "container"}}, {"/annotations/run.oci.systemd.subgroup"}),
        (
            {"/annotations": {"run.oci.handler": "krun", "run.oci.seccomp.plugins": "x.so", "module.wasm": "y"}},
            {"/annotations/run.oci.handler", "/annotations/run.oci.seccomp.plugins"},
        ),
        (
            {"/annotations": {"run.oci.systemd.force_cgroup_v1": "/sys/fs/cgroup/systemd"}},
            {"/annotations/run.oci.systemd.force_cgroup_v1"},
        ),
        (
            {"/mounts": [{"destination": "/x", "source": "/", "options": ["bind", "defaults", "nofail", "x-a.b"]}]},
            {"/mounts/0/options/2", "/mounts/0/options/3"},
        ),
        (
            {
                f"{L}/sysctl": {"net.ipv4.ip_forward": "1", "kernel.msgmax": "4096"},
                f"{L}/namespaces": [
                    {"type": "mount"},
                    {"type": "ipc"},
                    {"type": "network", "path": "/proc/self/ns/net"},
                ],
            },
            {f"{L}/sysctl/net.ipv4.ip_forward"},
        ),
        (
            {
                f"{L}/sysctl": {"net.ipv4.ip_forward": "1"},
                f"{L}/namespaces": [{"type": "mount"}, {"type": "network"}],
            },
            set(),
        ),
    ],
)
def test_what_is_taken_all_the_same_is_warned_of(bundle: Path, changes: dict[str, Any], expected: set[str]) -> None:
    found = write(bundle, changes)
    assert {(finding.level, finding.pointer) for finding in found} == {(WARNING, pointer) for pointer in expected}


def test_an_annotation_that_is_spelt_wrong(bundle: Path) -> None:
    (finding,) = write(bundle, {"/annotations": {"run.oci.keep_orginal_groups": "1"}})
    assert (finding.level, finding.cure) == (WARNING, "'run.oci.keep_original_groups', if that is meant")


def test_annotations_with_a_wrong_value_are_all_told(bundle: Path) -> None:
    wrong = {"run.oci.hooks.stdout": "x", "run.oci.timens_offset": "x", "run.oci.seccomp_bpf_data": "x"}
    found = write(bundle, {"/annotations": {**wrong, "run.oci.delegate-cgroup": "..", "run.oci.pidfd_receiver": 5}})
    names = {*wrong, "run.oci.delegate-cgroup", "run.oci.pidfd_receiver"}
    assert {(one.level, one.pointer) for one in found} == {(ERROR, f"/annotations/{name}") for name in names}


@pytest.mark.parametrize("config", [RICH, default(False, 0, 0), default(True, 5, 5)])
def test_all_of_what_the_spec_has_has_an_effect(config: dict[str, Any]) -> None:
    assert list(gathered(config).unread()) == []


def test_free_names_are_free(bundle: Path) -> None:
    changes = {"/annotations": {"x": "y"}, f"{L}/sysctl": {"net.x": "1"}, f"{L}/netDevices": {"eth0": {"name": "x"}}}
    assert write(bundle, changes) == []


def test_names_that_stand_there_twice(bundle: Path) -> None:
    text = '{"a": 1, "b": [{"c/d": 1, "c/d": 2}], "a": {"e": 1, "e": 1, "e": 2}}'
    assert sorted(repeated_names(text.encode())) == ["/a", "/a/e", "/b/0/c~1d"]
    (bundle / "config.json").write_text(json.dumps(GOOD)[:-1] + ', "root": {"path": "rootfs"}}')
    assert short(validate(str(bundle))) == [(WARNING, "/root")]


def test_bad_json_has_line_and_column(bundle: Path) -> None:
    (bundle / "config.json").write_text('{\n  "process": {,}\n}')
    (finding,) = validate(str(bundle))
    assert (finding.level, finding.pointer) == (ERROR, "")
    assert "line 2, column 15" in finding.message
    assert '\n  line:    "process": {,}\n                       ^\n  allowed: ' in paragraph(finding)


def test_an_array_that_is_empty_is_called_so() -> None:
    (error,) = gathered(changed({"/process/args": []})).errors
    assert (error.pointer, error.found) == ("/process/args", "found an empty array")


def test_deep_nesting(bundle: Path) -> None:
    deep = "[" * 900 + "]" * 900
    (bundle / "config.json").write_text(json.dumps(GOOD)[:-1] + f', "mounts": {deep}, "x": {deep}}}')
    assert (ERROR, "/mounts/0") in short(validate(str(bundle)))


def test_no_config_at_all(tmp_path: Path) -> None:
    with pytest.raises(MinirunError, match="minirun spec"):
        validate(str(tmp_path))


# ---- the command


def minirun(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "minirun", "validate", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False, **options)


def test_the_exit_status_is_0_with_warnings(bundle: Path) -> None:
    write(bundle, {"/process/arg": []})
    done = minirun(str(bundle))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("no errors, 1 warning\n")


def test_the_exit_status_is_1_with_errors(bundle: Path) -> None:
    write(bundle, {"/process/cwd": "tmp", "/hostname": 5})
    done = minirun(cwd=bundle)
    assert (done.returncode, done.stderr) == (1, "")
    assert "error: /process/cwd: found 'tmp'\n  allowed: an absolute path" in done.stdout
    assert "see:     config.md#process\n" in done.stdout
    assert done.stdout.endswith("2 errors, no warnings\n")


def test_json_is_for_programs(bundle: Path) -> None:
    write(bundle, {"/process/cwd": "tmp", "/process/arg": []})
    done = minirun("--format", "json", str(bundle))
    error, warning = json.loads(done.stdout)
    assert done.returncode == 1
    assert error == {
        "level": "error",
        "pointer": "/process/cwd",
        "message": "found 'tmp'",
        "cure": "an absolute path, one that begins with /",
        "clause": "config.md#process",
        "line": None,
    }
    assert (warning["level"], warning["pointer"]) == ("warning", "/process/arg")


def test_a_file_of_several_lines_is_told_by_them(bundle: Path) -> None:
    (bundle / "config.json").write_text(json.dumps(changed({"/process/cwd": "tmp", "/process/arg": []}), indent=1))
    lines = (bundle / "config.json").read_text().splitlines()
    numbers = [next(at for at, line in enumerate(lines, 1) if f'"{name}"' in line) for name in ("cwd", "arg")]
    told = minirun(str(bundle)).stdout
    assert f"error: /process/cwd (line {numbers[0]}): found 'tmp'\n" in told
    assert f"warning: /process/arg (line {numbers[1]}): has no effect here\n" in told
    assert [one["line"] for one in json.loads(minirun("--format=json", str(bundle)).stdout)] == numbers


def test_nothing_found_is_an_empty_array(bundle: Path) -> None:
    write(bundle, {})
    assert json.loads(minirun("-f", "json", str(bundle)).stdout) == []


def test_a_bundle_that_is_none(tmp_path: Path) -> None:
    done = minirun(str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert "no config.json" in done.stderr


def test_it_can_not_drive_the_terminal(bundle: Path) -> None:
    write(bundle, {"/process/\x1b[2J": 1, "/process/args": ["\x1b[2J"], "/process/capabilities": {"ambient": ["\x1b"]}})
    done = minirun(str(bundle))
    assert done.returncode == 0
    assert "\x1b" not in done.stdout


def test_every_clause_is_found() -> None:
    assert clause("/process/user/additionalGids/3") == "config.md#posix-platform-user"
    assert clause("/linux/resources/memory/limit") == "config-linux.md#memory"
    assert clause("") == "config.md"
    assert Report([]).exit_status == 0
