"""--systemd-cgroup: systemd makes the cgroup, as a scope, and keeps the limits that it knows (systemd.scope(5))."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from kernel.kit import needs
from kernel.kit.host import nothing_left
from kernel.kit.life import Life, has_ended
from kernel.kit.outside import cgroup2_root
from kernel.kit.runtime import TIMEOUT, new_id

pytestmark = [
    pytest.mark.root,
    needs.command("test -S /run/dbus/system_bus_socket && test -d /run/systemd/system", "systemd does not run here"),
    needs.controller("memory"),
]

MIB = 1 << 20


def systemctl(*words: str) -> str:
    done = subprocess.run(["systemctl", "--no-pager", *words], capture_output=True, text=True, timeout=TIMEOUT)
    return done.stdout.strip()


def properties(unit: str, *names: str) -> dict[str, str]:
    shown = systemctl("show", unit, *(f"--property={name}" for name in names))
    return dict(line.split("=", 1) for line in shown.splitlines())


def units() -> set[str]:
    """All that systemd knows of, also those that failed."""
    lines = systemctl("list-units", "--all", "--plain", "--no-legend", "--type=scope,slice").splitlines()
    return {line.split()[0] for line in lines}


def a_disk() -> str:
    """The numbers of a disk, MAJOR:MINOR."""
    disks = (path for path in Path("/sys/block").iterdir() if not path.name.startswith(("loop", "ram", "zram")))
    return next((path / "dev").read_text().strip() for path in disks)


class Unit:
    """A container whose cgroup systemd makes, PREFIX-NAME.scope in a slice of its own."""

    def __init__(self, one: Life) -> None:
        self.one = one
        self.slice = f"{one.id.replace('-', '')}.slice"
        self.name = f"test-{one.id}.scope"
        one.bundle.linux["cgroupsPath"] = f"{self.slice}:test:{one.id}"

    def create(self, *flags: str):
        self.one.bundle.write()
        told = flags or ("--systemd-cgroup",)
        return self.one.line(*told, "create", "--bundle", str(self.one.bundle.path), self.one.id)

    def started(self) -> Unit:
        assert self.create().status == 0
        assert self.one.start().status == 0
        return self

    @property
    def directory(self) -> Path:
        return cgroup2_root() / self.slice / self.name

    def read(self, *names: str) -> dict[str, str]:
        """From the cgroup that the program is in: below the unit's own with crun."""
        place = Path(f"{cgroup2_root()}{self.one.process.cgroup()}")
        return {name: (place / name).read_text().strip() for name in names}

    def properties(self, *names: str) -> dict[str, str]:
        return properties(self.name, *names)


@pytest.fixture
def unit(runtime, bundle):
    made = Unit(Life(runtime, bundle("sleep")))
    yield made
    made.one.end()
    if runtime.name != "minirun":
        systemctl("stop", made.slice)


# ---- what it is


RESOURCES = {
    "memory": {"limit": 64 * MIB, "reservation": 32 * MIB, "swap": 96 * MIB},
    "cpu": {"shares": 262144, "quota": 33333, "period": 50000},
    "pids": {"limit": 100},
    "unified": {"memory.high": str(48 * MIB)},
}
FILES = {
    "memory.max": str(64 * MIB),
    "memory.low": str(32 * MIB),
    "memory.swap.max": str(32 * MIB),
    "memory.high": str(48 * MIB),
    "cpu.weight": "10000",
    "cpu.max": "33333 50000",
    "pids.max": "100",
}
# As systemctl(1) shows them: the quota in whole percents of a second.
PROPERTIES = {
    "MemoryMax": str(64 * MIB),
    "MemoryLow": str(32 * MIB),
    "MemorySwapMax": str(32 * MIB),
    "MemoryHigh": str(48 * MIB),
    "CPUWeight": "10000",
    "CPUQuotaPerSecUSec": "670ms",
    "CPUQuotaPeriodUSec": "50ms",
    "TasksMax": "100",
}
ROUNDED = {"cpu.max": "33500 50000"}


def more_controllers(resources: dict[str, Any]) -> dict[str, str]:
    """Limits by controllers that not every machine has, and their files. systemd hands down no hugetlb."""
    files = {}
    if "cpuset" in needs.controllers():
        resources["cpu"] = resources["cpu"] | {"cpus": "0", "mems": "0"}
        files |= {"cpuset.cpus": "0", "cpuset.mems": "0"}
    if "hugetlb" in needs.controllers():
        resources["hugepageLimits"] = [{"pageSize": "2MB", "limit": 2 * MIB}]
        files["hugetlb.2MB.max"] = str(2 * MIB)
    return files


@pytest.mark.deviates("runc", "knows no such annotation")
def test_the_program_can_have_a_cgroup_below_the_scope(unit):
    unit.one.bundle.linux["resources"] = {"memory": {"limit": 64 * MIB}}
    unit.one.bundle.config["annotations"] = {"run.oci.delegate-cgroup": "init", "run.oci.systemd.subgroup": ""}
    unit.started()
    place = f"/{unit.slice}/{unit.name}/init"
    assert unit.one.process.cgroup() == place
    assert (unit.directory / "memory.max").read_text() == f"{64 * MIB}\n"
    told = unit.one.call("exec", "/probe", "read", "/proc/self/cgroup").json["/proc/self/cgroup"]["text"]
    assert told == f"0::{place}\n"
    assert unit.one.delete("--force").status == 0
    assert unit.name not in units() and not unit.directory.exists()


@pytest.mark.deviates("crun", "1.8.1 tells systemd of the weight only, and has a cgroup of its own below the unit's")
def test_limits_are_files_and_properties_so_that_systemd_keeps_them(unit, runtime):
    """And nothing is left in the end: neither the unit nor, with minirun, the slice that came with it."""
    before = units()
    resources = unit.one.bundle.linux["resources"] = dict(RESOURCES)
    major, minor = map(int, a_disk().split(":"))
    resources["blockIO"] = {"throttleReadBpsDevice": [{"major": major, "minor": minor, "rate": MIB}]}
    unit.one.bundle.config["annotations"] = {"org.systemd.property.TimeoutStopSec": "uint64 7"}
    files, told = FILES | more_controllers(resources), dict(PROPERTIES)
    if "cpuset.cpus" in files:
        told |= {"AllowedCPUs": "0", "AllowedMemoryNodes": "0"}
    unit.started()
    assert unit.one.process.cgroup() == f"/{unit.slice}/{unit.name}"
    assert unit.read(*files) == files
    assert unit.properties(*told) == told
    more = {"Slice": unit.slice, "Delegate": "yes", "ActiveState": "active", "TimeoutStopUSec": "7s"}
    assert unit.properties(*more) == more
    disk = f"{a_disk()} rbps={MIB} wbps=max riops=max wiops=max"
    assert unit.read("io.max")["io.max"] == disk
    systemctl("daemon-reload")
    systemctl("set-property", "--runtime", unit.name, "IOWeight=100")  # has it write everything
    systemctl("show", "--property=Version")
    files |= ROUNDED
    assert unit.read(*files) == files
    if runtime.name == "minirun":
        assert unit.read("io.max")["io.max"] == disk
    delete(unit)
    others = {unit.slice} if runtime.name != "minirun" else set()
    unit.one.wait_for(lambda: units() - before <= others)
    assert not unit.directory.exists() and unit.directory.parent.exists() == bool(others)


def delete(unit: Unit) -> None:
    pid = unit.one.state()["pid"]
    assert unit.one.kill("KILL", options=["--all"]).status == 0
    unit.one.wait_for(lambda: has_ended(pid))
    assert unit.one.delete().status == 0


@pytest.mark.only("minirun", "what is left is shown by kit.host for minirun's directories")
def test_nothing_is_left_of_a_run_that_fails(unit, runtime):
    before = units()
    unit.one.bundle.process["args"] = ["/no/such/program"]
    with nothing_left(runtime.name):
        assert unit.create().status == 1
    assert units() <= before


@pytest.mark.only("minirun", "the flags and formats of others differ")
def test_its_whole_life(unit):
    """The books know who made the cgroup: no later command has the flag."""
    one = unit.one
    assert unit.create("--cgroup-manager=systemd").status == 0
    assert one.start().status == 0
    (unit.directory / "below").mkdir()  # Delegate=: what is below is the container's
    for flags, place in (([], ""), (["--cgroup", "below"], "/below")):
        done = one.call("exec", "/probe", "read", "/proc/self/cgroup", options=flags)
        assert f"0::/{unit.slice}/{unit.name}{place}" in done.json["/proc/self/cgroup"]["text"].splitlines()
    assert json.loads(one.call("ps", options=["--format", "json"]).stdout) == [one.state()["pid"]]
    (stats,) = one.call("events", options=["--stats"]).stdout.splitlines()
    assert json.loads(stats)["data"]["pids"]["current"] == 1
    assert one.call("pause").status == 0
    assert "frozen 1" in (unit.directory / "cgroup.events").read_text()
    assert one.call("resume").status == 0
    assert one.call("pause").status == 0
    begin = time.monotonic()
    assert one.delete("--force").status == 0  # the frozen process can't hear SIGTERM, and systemd would wait 90 seconds
    assert time.monotonic() - begin < 80
    assert properties(unit.name, "ActiveState")["ActiveState"] == "inactive" and not unit.directory.exists()


# ---- update


@pytest.mark.deviates("crun", "1.8.1 does not tell systemd of all")
def test_an_update_goes_to_systemd_and_to_the_files(unit, runtime):
    unit.one.bundle.linux["resources"] = {"memory": {"limit": 64 * MIB}, "pids": {"limit": 100}}
    unit.started()
    asked = unit.one.bundle.path / "resources.json"
    asked.write_text(json.dumps({"memory": {"limit": 32 * MIB}, "cpu": {"quota": 5000, "period": 10000}}))
    assert unit.one.call("update", options=[f"--resources={asked}"]).status == 0
    expected = {"memory.max": str(32 * MIB), "cpu.max": "5000 10000", "pids.max": "100"}
    assert unit.read(*expected) == expected
    told = {"MemoryMax": str(32 * MIB), "CPUQuotaPerSecUSec": "500ms", "TasksMax": "100"}
    assert unit.properties(*told) == told
    systemctl("daemon-reload")
    assert unit.read(*expected) == expected
    if runtime.name == "minirun":
        an_update_that_fails_changes_nothing(unit)


def an_update_that_fails_changes_nothing(unit: Unit) -> None:
    """Not even what systemd knows only roughly."""
    (unit.directory / "cpu.max").write_text("33333 100000")
    asked = unit.one.bundle.path / "resources.json"
    major, minor = map(int, a_disk().split(":"))
    change = {
        "cpu": {"quota": 20000, "period": 50000, "shares": 2},
        "memory": {"limit": 16 * MIB, "reservation": MIB},
        "blockIO": {"throttleReadBpsDevice": [{"major": major, "minor": minor, "rate": MIB}]},
        "unified": {"cgroup.max.depth": "many"},
    }
    asked.write_text(json.dumps(change))
    files = ("cpu.max", "cpu.weight", "memory.max", "memory.low", "io.max")
    names = ("CPUQuotaPerSecUSec", "CPUQuotaPeriodUSec", "CPUWeight", "MemoryMax", "MemoryLow", "IOReadBandwidthMax")
    before = unit.read(*files), unit.properties(*names)
    refused = unit.one.call("update", options=[f"--resources={asked}"])
    assert refused.status == 1 and "cgroup.max.depth" in refused.stderr and "warning" not in refused.stderr
    assert (unit.read(*files), unit.properties(*names)) == before


# ---- errors


@pytest.mark.deviates("runc", "1.1.5 goes on without a unit, and only warns")
def test_a_unit_of_somebody_else_is_refused_and_stays(unit, runtime):
    with subprocess.Popen(
        ["systemd-run", "--scope", "--quiet", "--unit", unit.name, "--slice", unit.slice, "sleep", "100"]
    ) as other:
        try:
            unit.one.wait_for(lambda: properties(unit.name, "ActiveState")["ActiveState"] == "active")
            refused = unit.create()
            assert refused.status == 1
            if runtime.name == "minirun":
                assert unit.name in refused.stderr and "cure:" in refused.stderr
                assert unit.one.delete("--force").status == 0
            assert properties(unit.name, "ActiveState")["ActiveState"] == "active" and other.poll() is None
            unit.one.bundle.linux["cgroupsPath"] = f"{unit.slice}:beside:{unit.one.id}"
            assert unit.create().status == 0
            assert unit.one.delete("--force").status == 0
            assert properties(unit.name, "ActiveState")["ActiveState"] == "active" and other.poll() is None
        finally:
            other.kill()
            other.wait()


@pytest.mark.only("minirun", "what the others do to it is theirs to say")
@pytest.mark.parametrize("slice_", ["", "other"])
def test_a_unit_that_has_come_since_with_the_same_name_stays(unit, slice_):
    """systemd forgets a scope when its last process ends, and then the name is anybody's, at any place."""
    unit.started()
    assert unit.one.kill("KILL").status == 0
    unit.one.wait_for(lambda: not unit.directory.exists())
    words = ["systemd-run", "--scope", "--quiet", "--unit", unit.name, "--slice", slice_ + unit.slice, "sleep", "100"]
    with subprocess.Popen(words) as other:
        try:
            unit.one.wait_for(lambda: properties(unit.name, "ActiveState")["ActiveState"] == "active")
            assert json.loads(unit.one.call("ps", options=["--format", "json"]).stdout) == []
            assert unit.one.kill("TERM", options=["--all"]).status == 0  # to none
            assert unit.one.delete().status == 0
            assert properties(unit.name, "ActiveState")["ActiveState"] == "active" and other.poll() is None
        finally:
            other.kill()
            other.wait()


@pytest.mark.deviates("runc", "1.1.5 goes on without a unit")
def test_a_unit_that_has_failed_is_not_in_the_way(unit):
    words = ["systemd-run", "--scope", "--quiet", "--unit", unit.name, "-p", "RuntimeMaxSec=100ms", "sleep", "100"]
    subprocess.run(words, timeout=TIMEOUT, capture_output=True)
    unit.one.wait_for(lambda: properties(unit.name, "ActiveState")["ActiveState"] == "failed")
    unit.started()
    assert unit.properties("ActiveState") == {"ActiveState": "active"}


@pytest.mark.only("minirun", "the words are its own")
def test_a_property_that_systemd_does_not_take_is_told_with_its_place(unit):
    name = "org.systemd.property.NoSuchThing"
    unit.one.bundle.config["annotations"] = {name: "true"}
    refused = unit.create()
    assert refused.status == 1 and f"/annotations/{name}" in refused.stderr
    assert unit.name not in units()


# ---- the user's own instance

AS_USER = """
import os, subprocess, sys
from minirun.cgroups import systemd
from minirun.cgroups.systemd_bus import Manager, is_users

assert is_users()
child, other = (subprocess.Popen(["sleep", "100"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in "12")
place = systemd.scope(f"user.slice:test:{sys.argv[1]}", "", "user.slice")
with Manager(user=True) as manager:
    limits = systemd.Property("MemoryMax", "t", 64 << 20), systemd.Property("PIDs", "au", (child.pid,))
    manager.start(place.unit, (*systemd.base_properties(place, "x"), *limits), systemd.passing_slices(place.slice))
    manager.attach(place.unit, "", (other.pid,))
    paths = {open(f"/proc/{process.pid}/cgroup").read().strip().removeprefix("0::") for process in (child, other)}
    (path,) = paths
    assert path == manager.cgroup() + systemd.path_of(place), path
    cgroup = sys.argv[2] + path
    assert open(f"{cgroup}/memory.max").read() == f"{64 << 20}\\n"
    open(f"{cgroup}/memory.max", "w").write("4096000")  # it is the user's
    for process in (child, other):
        process.kill()
        process.wait()
    manager.stop(place.unit)
    assert not os.path.exists(cgroup)
print("done")
"""


@pytest.fixture(scope="module")
def user():
    """Somebody who is not root, and has a systemd."""
    found = next((one for one in pwd.getpwall() if 1000 <= one.pw_uid < 60000), None)
    if found is None:
        pytest.skip("this host has no ordinary user")
    service = f"user@{found.pw_uid}.service"
    was_there = properties(service, "ActiveState")["ActiveState"] == "active"
    systemctl("start", service)
    yield found
    if not was_there:
        systemctl("stop", service)


@pytest.mark.parametrize("prefix", [[], ["unshare", "--user", "--map-root-user"]], ids=["user", "root of a namespace"])
def test_the_instance_of_a_user(user, prefix):
    """With the user's bus at its usual place, and nothing in the environment that leads there."""
    words = ["nsenter", "--target=1", "--mount"]  # where the directory of the bus is mounted by now
    words += ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    words += ["env", "-i", f"PATH={os.environ['PATH']}", *prefix]
    script = [sys.executable, "-c", AS_USER, new_id(), str(cgroup2_root())]
    done = subprocess.run([*words, *script], capture_output=True, text=True, timeout=TIMEOUT, cwd="/")
    assert done.stdout == "done\n", done.stderr
