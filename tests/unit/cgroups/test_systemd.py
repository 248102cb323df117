"""What systemd is told of a container: names of units, properties, values as GVariant text."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minirun.cgroups import systemd, systemd_bus, tree
from minirun.cgroups.resources import CgroupFile, files
from minirun.cgroups.systemd import INFINITY, BadName, limit_properties, path_of, scope
from minirun.cgroups.systemd_values import complete_types, listed, parse, words
from minirun.errors import ConfigError
from minirun.kernel import files as kernel_files
from minirun.plan.container import Options, plan
from minirun.plan.exec import ExecOptions, exec_plan
from minirun.plan.scope import annotation
from minirun.plan.update import update_plan
from minirun.spec.config import BlockIO, Config, Cpu, Linux, Memory, Namespace, Process, Resources, Root, User
from minirun.spec.config import ThrottleDevice as Throttle
from minirun.spec.config import WeightDevice as Weight
from minirun.steps import cgroup, cgroup_entry, hooks
from minirun.steps import scope as scope_steps
from minirun.steps.limits import SetLimit
from minirun.steps.process import StartContainerProcess
from minirun.steps.scope import ChooseScope, JoinScope, SetScopeLimits, StartScope
from minirun.steps.scope_changes import ChangeScopeLimits, restoring
from minirun.steps.step import Channel, Context, Log

GIB = 1 << 30

# ---- names


@pytest.mark.parametrize(
    ("told", "unit", "place"),
    [
        (None, "minirun-web.scope", "/system.slice/minirun-web.scope"),
        ("", "minirun-web.scope", "/system.slice/minirun-web.scope"),
        ("machine.slice:libpod:1f", "libpod-1f.scope", "/machine.slice/libpod-1f.scope"),
        (":docker:1f", "docker-1f.scope", "/system.slice/docker-1f.scope"),
        ("a-b-c.slice:p:n", "p-n.scope", "/a.slice/a-b.slice/a-b-c.slice/p-n.scope"),
        ("-.slice:p:n", "p-n.scope", "/p-n.scope"),
        ("cpu.slice:_p:n", "_p-n.scope", "/_cpu.slice/__p-n.scope"),
    ],
)
def test_names_of_units(told: str | None, unit: str, place: str) -> None:
    found = scope(told, "web", "system.slice")
    assert (found.unit, path_of(found)) == (unit, place)


def test_an_id_that_is_no_name_of_a_unit_is_escaped() -> None:
    assert scope(None, "a+b", "system.slice").unit == "minirun-a\\x2bb.scope"


@pytest.mark.parametrize(
    "told",
    [
        *(
            "/a/b",
            "a.slice:b",
            "a.slice:b:c:d",
            "a.slice:b:",
            "a:b:c",
            "a--b.slice:p:n",
            "-a.slice:p:n",
            "a-.slice:p:n",
        ),
        *(
            ".slice:p:n",
            "a/b.slice:p:n",
            "a.slice:p:n/m",
            "a.slice:p:n+m",
            "a.slice:p:pod.slice",
            "a.slice:p:" + "n" * 255,
        ),
    ],
)
def test_paths_that_are_no_names_of_units(told: str) -> None:
    with pytest.raises(BadName):
        scope(told, "web", "system.slice")


# ---- limits


def properties(resources: Resources) -> dict[str, object]:
    return {made.name: made.value for made in limit_properties(files(resources))}


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        (Resources(), {}),
        (
            Resources(memory=Memory(limit=GIB, reservation=GIB // 2, swap=3 * GIB)),
            {"MemoryMax": GIB, "MemoryLow": GIB // 2, "MemorySwapMax": 2 * GIB},
        ),
        (Resources(memory=Memory(limit=-1)), {"MemoryMax": INFINITY, "MemorySwapMax": INFINITY}),
        (Resources(pids_limit=100), {"TasksMax": 100}),
        (Resources(pids_limit=0), {"TasksMax": 1}),
        (Resources(pids_limit=-1), {"TasksMax": INFINITY}),
        (Resources(cpu=Cpu(shares=1024)), {"CPUWeight": 100}),
        (Resources(cpu=Cpu(shares=1024, idle=1)), {"CPUWeight": 0}),
        (Resources(cpu=Cpu(shares=2, idle=0)), {"CPUWeight": 1}),
        (Resources(cpu=Cpu(quota=50000)), {"CPUQuotaPerSecUSec": 500000, "CPUQuotaPeriodUSec": 100000}),
        (Resources(cpu=Cpu(quota=33333, period=50000)), {"CPUQuotaPerSecUSec": 670000, "CPUQuotaPeriodUSec": 50000}),
        (Resources(cpu=Cpu(quota=2**63 - 1, period=1000)), {}),  # the kernel says no
        (Resources(cpu=Cpu(quota=-1, period=5000)), {"CPUQuotaPerSecUSec": INFINITY, "CPUQuotaPeriodUSec": 5000}),
        (Resources(cpu=Cpu(cpus="0,2-3,9", mems="0")), {"AllowedCPUs": b"\x0d\x02", "AllowedMemoryNodes": b"\x01"}),
        (
            Resources(block_io=BlockIO(weight=500, weight_device=(Weight(8, 0, 10), Weight(8, 16, 1000)))),
            {"IOWeight": 4950, "IODeviceWeight": (("/dev/block/8:0", 1), ("/dev/block/8:16", 10000))},
        ),
        (
            Resources(block_io=BlockIO(throttle_read_bps_device=(Throttle(8, 0, 5), Throttle(8, 16, 0)))),
            {"IOReadBandwidthMax": (("/dev/block/8:0", 5), ("/dev/block/8:16", INFINITY))},
        ),
        (
            Resources(block_io=BlockIO(throttle_write_iops_device=(Throttle(8, 0, 5), Throttle(8, 0, 7)))),
            {"IOWriteIOPSMax": (("/dev/block/8:0", 7),)},
        ),
        (
            Resources(
                memory=Memory(limit=GIB), unified={"memory.max": "4096", "memory.high": "max", "memory.min": "0"}
            ),
            {"MemoryMax": 4096, "MemoryHigh": INFINITY, "MemoryMin": 0},
        ),
        (
            Resources(unified={"io.max": "8:0 rbps=1 wiops=max", "io.weight": "default 7"}),
            {
                "IOReadBandwidthMax": (("/dev/block/8:0", 1),),
                "IOWriteIOPSMax": (("/dev/block/8:0", INFINITY),),
                "IOWeight": 7,
            },
        ),
        (Resources(unified={"memory.oom.group": "1"}), {"OOMPolicy": "kill"}),
        (Resources(unified={"memory.max": "0", "memory.low": "1G", "cpuset.cpus": "0-9:2/3"}), {"MemoryMax": 1}),
        (Resources(unified={"hugetlb.2MB.max": "0", "cgroup.max.depth": "3", "cpu.max.burst": "1"}), {}),
    ],
    ids=str,
)
def test_limits_as_properties(resources: Resources, expected: dict[str, object]) -> None:
    assert properties(resources) == expected


@given(st.sampled_from(sorted(systemd.TRANSLATIONS)), st.text("0123456789 max=:-,rbpswio\n", max_size=20))
def test_no_text_of_unified_is_too_odd(name: str, value: str) -> None:
    for made in limit_properties([CgroupFile("", name, value, "")]):
        listed(made.signature, made.value)


def test_a_limit_below_what_the_set_up_needs_waits_for_its_end() -> None:
    few, many = (limit_properties(files(Resources(pids_limit=count)))[0] for count in (3, 2048))
    assert systemd.is_late(few) and not systemd.is_late(many)


# ---- values


@pytest.mark.parametrize(
    ("text", "signature", "value"),
    [
        ("true", "b", True),
        ("5", "i", 5),
        ("-5", "i", -5),
        ("0x10", "i", 16),
        ("1.5", "d", 1.5),
        ("uint64 18446744073709551615", "t", INFINITY),
        ("@t 7", "t", 7),
        ("byte 0xff", "y", 255),
        ("'it\\'s'", "s", "it's"),
        ('"a\\n\\u00e9"', "s", "a\né"),
        ("objectpath '/a/b'", "o", "/a/b"),
        ("['a', 'b']", "as", ("a", "b")),
        ("['a', 'b',]", "as", ("a", "b")),
        ("@as []", "as", ()),
        ("[uint64 5, 6]", "at", (5, 6)),
        ("@a(st) [('/dev/sda', 5)]", "a(st)", (("/dev/sda", 5),)),
        ("[('/dev/sda', uint64 5), ('/dev/sdb', 6)]", "a(st)", (("/dev/sda", 5), ("/dev/sdb", 6))),
        ("  ( 'a' , true )  ", "(sb)", ("a", True)),
    ],
)
def test_values_as_text(text: str, signature: str, value: object) -> None:
    assert parse(text) == (signature, value)


BAD = [
    "",
    "yes",
    "[",
    "[]",
    "[1, 'a']",
    "1 2",
    "uint64 -1",
    "byte 256",
    "@s 5",
    "{'a': 1}",
    "<1>",
    "('a'",
    "'a",
    "[1 2]",
]


@pytest.mark.parametrize("text", BAD)
def test_values_that_are_none(text: str) -> None:
    with pytest.raises(ValueError):
        parse(text)


@given(st.text("[]()@'\"astub1 0x.,-\\", max_size=30))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    try:
        signature, value = parse(text)
    except ValueError:
        return
    listed(signature, value)


def test_values_in_other_shapes() -> None:
    assert complete_types("sa(st)aayu") == ["s", "a(st)", "aay", "u"]
    assert listed("a(st)", (("a", 1),)) == [("a", 1)]
    assert listed("ay", (1, 2)) == b"\x01\x02"
    assert words("a(sas)", (("a", ("b", "c")),)) == ["1", "a", "2", "b", "c"]
    assert words("ay", b"\x03") == ["1", "3"] and words("b", True) == ["true"]


def test_properties_are_told_again_as_they_were() -> None:
    had = {"MemoryMax": ("t", 5), "IOReadBandwidthMax": ("a(st)", [("/dev/sda", 1)]), "TasksMax": ("t", 1)}
    changed = limit_properties(
        files(Resources(memory=Memory(limit=GIB), block_io=BlockIO(throttle_read_bps_device=(Throttle(8, 0, 5),))))
    )
    assert [(made.name, made.value) for made in restoring(changed, had)] == [
        ("IOReadBandwidthMax", ()),
        ("MemoryMax", 5),
        ("IOReadBandwidthMax", (("/dev/sda", 1),)),
    ]


# ---- annotations


def test_annotations_are_properties_by_systemds_names() -> None:
    made = annotation("TimeoutStopUSec", "uint64 5", "/annotations/x")
    assert (made.name, made.signature, made.value, made.place) == ("TimeoutStopUSec", "t", 5, "/annotations/x")
    made = annotation("TimeoutStopSec", "1.5", "/annotations/x")
    assert (made.name, made.signature, made.value) == ("TimeoutStopUSec", "t", 1500000)
    for endless in (f"uint64 {INFINITY}", "1e999"):
        assert annotation("TimeoutStopSec", endless, "/annotations/x").value == INFINITY


@pytest.mark.parametrize(
    ("name", "text"),
    [("memory max", "5"), ("", "5"), ("PIDs", "@au []"), ("Slice", "'a.slice'"), ("MemoryMax", "lots")]
    + [("TimeoutStopSec", "1e300"), ("MemoryMax", "@ut 5"), ("Documentation", "@so 'x'"), ("MemoryMax", "[" * 5000)],
)
def test_annotations_that_are_none(name: str, text: str) -> None:
    with pytest.raises(ConfigError, match="/annotations/x"):
        annotation(name, text, "/annotations/x")


# ---- the plan

OPTIONS = Options("web", "/bundle", cgroup_manager="systemd")
NO_LIMITS = Resources()
PROCESS = Process(cwd="/", user=User(0, 0), args=("sh",), env=("PATH=/bin",))


def config(resources: Resources = NO_LIMITS, path: str | None = None, **annotations: str) -> Config:
    linux = Linux((Namespace("mount"), Namespace("pid")), resources=resources, cgroups_path=path)
    return Config("1.3.0", Root("rootfs"), PROCESS, linux=linux, annotations=annotations)


def test_the_scope_starts_with_the_containers_process() -> None:
    limits = Resources(pids_limit=3, memory=Memory(limit=GIB))
    steps = plan(config(limits, "a.slice:p:n", **{"org.systemd.property.Documentation": "['man:sh(1)']"}), OPTIONS)
    kinds = [type(step) for step in steps]
    assert {cgroup.ChooseCgroup, cgroup.MakeCgroup, cgroup_entry.JoinCgroup}.isdisjoint(kinds)
    order = (ChooseScope, StartContainerProcess, StartScope, SetScopeLimits)
    assert [kinds.index(kind) for kind in order] == sorted(kinds.index(kind) for kind in order)
    start, late = (steps[kinds.index(kind)] for kind in (StartScope, SetScopeLimits))
    assert isinstance(start, StartScope) and isinstance(late, SetScopeLimits)
    told = {made.name: made.value for made in start.properties}
    assert (told["MemoryMax"], told["Slice"], told["Delegate"]) == (GIB, "a.slice", True)
    assert told["Documentation"] == ("man:sh(1)",) and "TasksMax" not in told
    assert [(made.name, made.value) for made in late.properties] == [("TasksMax", 3)]
    assert [step.name for step in steps if isinstance(step, SetLimit)] == ["memory.max", "pids.max"]


def test_what_a_shell_would_say() -> None:
    (start,) = (step for step in plan(config(), OPTIONS) if isinstance(step, StartScope))
    command = start.shell()
    assert command.startswith("busctl call org.freedesktop.systemd1 /org/freedesktop/systemd1 ")
    assert "minirun-web.scope fail " in command and 'PIDs au 1 "$pid"' in command and "Delegate b true" in command
    if shutil.which("sh"):
        subprocess.run(["sh", "-n", "-c", command], check=True)


def test_a_path_that_is_no_unit_is_told_with_its_place() -> None:
    with pytest.raises(ConfigError, match=r"/linux/cgroupsPath: found '/a/b'"):
        plan(config(path="/a/b"), OPTIONS)


def test_the_users_own_systemd() -> None:
    options = OPTIONS.replace(cgroup_manager="systemd-user")
    (start,) = (step for step in plan(config(), options) if isinstance(step, StartScope))
    assert start.user and "Slice=user.slice" in start.describe() and "busctl --user" in start.shell()
    further = ExecOptions(pid=1, told=hooks.State("", "web", "", ()), cgroup_manager="systemd-user", cgroup="sub")
    (join,) = (step for step in exec_plan(config(), PROCESS, further) if isinstance(step, JoinScope))
    assert (join.unit, join.below, join.beside) == ("minirun-web.scope", "sub", 1)


def test_an_update_tells_systemd_before_it_writes() -> None:
    asked = Resources(memory=Memory(limit=GIB), cpu=Cpu(burst=5))
    steps = update_plan(config(), config(asked), asked, OPTIONS)
    kinds = [type(step).__name__ for step in steps]
    assert kinds.index("ChangeScopeLimits") < kinds.index("ChangeLimit")
    (change,) = (step for step in steps if isinstance(step, ChangeScopeLimits))
    assert ("memory.max", str(GIB)) in change.files and "cpu.max.burst" not in dict(change.files)


class Told(Log):
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warning(self, message: str) -> None:
        self.warnings.append(message)


@pytest.mark.parametrize(
    ("was_made", "is_same", "is_ours"), [(True, True, True), (False, True, False), (True, False, False)]
)
def test_a_unit_that_systemd_can_not_be_asked_to_stop(
    was_made: bool, is_same: bool, is_ours: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its cgroup goes all the same, and the unit with it, if it is ours; not if it was there before, or has come after
    ours had gone."""
    (tmp_path / "unit" / "below").mkdir(parents=True)
    monkeypatch.setattr(scope_steps, "kill_cgroup", lambda path: None)
    monkeypatch.setattr(scope_steps, "check_in_sight", lambda path: None)
    monkeypatch.setattr(tree, "open_cgroup", lambda path: kernel_files.open(path, tree.DIRECTORY))
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus")
    (start,) = (step for step in plan(config(), OPTIONS) if isinstance(step, StartScope))
    log = Told()
    context = Context(log, Channel())
    context.cgroup = str(tmp_path / "unit")
    context.made = [context.cgroup] if was_made else []
    context.cgroup_inode = (tmp_path / "unit").stat().st_ino + (not is_same)
    start.undo(context)
    assert (tmp_path / "unit").exists() != is_ours
    assert ["can't have systemd stop" in told for told in log.warnings] == [True] * is_ours


# ---- the bus


def test_where_a_users_bus_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/a")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/b")
    monkeypatch.setattr(systemd_bus, "outer_uid", lambda: 1000)
    assert systemd_bus.user_addresses() == ["unix:path=/a", "unix:path=/b/bus", "unix:path=/run/user/1000/bus"]
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS")
    assert systemd_bus.user_addresses() == ["unix:path=/run/user/1000/bus"]


@pytest.mark.parametrize("user", [False, True])
def test_no_bus_is_an_error_with_a_cure(user: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DBUS_SYSTEM_BUS_ADDRESS", "DBUS_SESSION_BUS_ADDRESS"):
        monkeypatch.setenv(name, "unix:path=/nonexistent/bus")
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr(systemd_bus, "outer_uid", lambda: 2**31)
    with pytest.raises(systemd_bus.SystemdError, match=r"/nonexistent/bus: No such file") as error:
        systemd_bus.Manager(user)
    assert error.value.cure


def test_no_library_is_an_error_with_a_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("jeepney", "jeepney.io", "jeepney.io.blocking"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(systemd_bus.SystemdError, match="jeepney") as error:
        systemd_bus.Manager()
    assert "python3-jeepney" in error.value.cure


def test_a_value_that_is_never_sent_stops_no_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The unit of that name, if there is one, is somebody else's."""
    manager, stopped = systemd_bus.Manager.__new__(systemd_bus.Manager), []
    monkeypatch.setattr(manager, "release", 252, raising=False)
    monkeypatch.setattr(manager, "stop", stopped.append)
    monkeypatch.setattr(manager, "do_job", lambda method, *arguments: manager.call("x.Manager", method, *arguments[:2]))
    monkeypatch.setattr(manager, "bus", Sender(), raising=False)
    with pytest.raises(systemd_bus.SystemdError, match="no such value"):
        manager.start("theirs.scope", [systemd.Property("Foo", "o", "no path")])
    assert stopped == []


class Sender:
    """A connection that only makes the bytes."""

    def send_and_get_reply(self, message: Any, timeout: float) -> None:
        message.serialise(1)


def test_an_older_systemd_is_told_what_it_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    manager = systemd_bus.Manager.__new__(systemd_bus.Manager)
    manager.release = 247
    told = [name for name, _ in manager.known(limit_properties(files(Resources(cpu=Cpu(idle=1, cpus="0")))))]
    assert told == ["AllowedCPUs"]


def test_slices_that_pass() -> None:
    assert [name for name, _ in systemd.passing_slices("a-b.slice")] == ["a.slice", "a-b.slice"]
    assert systemd.passing_slices("-.slice") == systemd.passing_slices("system.slice") == ()
