"""config-linux.md#cgroups-path and #control-groups: cgroups(7), version 2."""

from __future__ import annotations

import time

import pytest

from kernel.kit import needs
from kernel.kit.host import remove_cgroups
from kernel.kit.outside import Process, cgroup2_root
from kernel.kit.runtime import new_id

pytestmark = [pytest.mark.root, needs.cgroup2()]


def directory(container):
    """The container's cgroup as a directory of the host."""
    return cgroup2_root() / container.cgroup().lstrip("/")


@pytest.fixture
def path():
    """A cgroup path that no other test uses. The runtime may leave its parents: the test removes them."""
    name = new_id()
    yield f"/{name}"
    remove_cgroups(name)


def test_the_container_has_a_cgroup_of_its_own(runtime, bundle):
    with runtime.running(bundle("sleep")) as container:
        assert container.cgroup() != Process().cgroup()
        assert str(container.pid) in (directory(container) / "cgroup.procs").read_text().split()


def test_the_runtime_itself_stays_out_of_it(runtime, bundle):
    with runtime.running(bundle("sleep")) as container:
        assert (directory(container) / "cgroup.procs").read_text().split() == [str(container.pid)]


def test_two_containers_have_different_cgroups(runtime, bundle):
    with runtime.running(bundle("sleep")) as one, runtime.running(bundle("sleep", name="other")) as other:
        assert one.cgroup() != other.cgroup()


def test_the_cgroup_is_gone_with_the_container(runtime, bundle):
    with runtime.running(bundle("sleep")) as container:
        found = directory(container)
        assert found.is_dir()
    deadline = time.monotonic() + 3
    while found.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not found.exists()


def test_an_absolute_path_is_below_the_cgroup_mount(runtime, bundle, path):
    made = bundle("sleep")
    made.linux["cgroupsPath"] = path
    with runtime.running(made) as container:
        assert container.cgroup() == path


def test_missing_parents_are_made(runtime, bundle, path):
    made = bundle("sleep")
    made.linux["cgroupsPath"] = f"{path}/deep/down"
    with runtime.running(made) as container:
        assert container.cgroup() == f"{path}/deep/down"


def test_the_same_relative_path_leads_to_the_same_place(runtime, bundle, path):
    made = bundle("sleep")
    made.linux["cgroupsPath"] = path.lstrip("/")
    places = []
    for _ in range(2):
        with runtime.running(made) as container:
            places.append(container.cgroup())
    assert places[0] == places[1]
    assert path.lstrip("/") in places[0]


def test_a_cgroup_that_was_there_before_stays(runtime, bundle, path):
    """runtime.md#delete: resources that the runtime did not create MUST NOT be deleted. These are the parents."""
    parent = cgroup2_root() / path.lstrip("/")
    parent.mkdir()
    made = bundle("exit", "0")
    made.linux["cgroupsPath"] = f"{path}/below"
    assert runtime.run(made).status == 0
    assert parent.is_dir()


@pytest.mark.parametrize("escape", ["/../../escape", "../../escape", "/a/../../../escape"])
def test_a_path_can_not_leave_the_cgroup_file_system(runtime, bundle, escape):
    before = set(cgroup2_root().parent.iterdir())
    made = bundle("exit", "0")
    made.linux["cgroupsPath"] = escape
    result = runtime.run(made)
    assert result.status == 0 or result.refused
    assert set(cgroup2_root().parent.iterdir()) == before


# ---- limits

LIMITS = [
    ("pids", {"pids": {"limit": 50}}, {"pids.max": "50"}),
    ("memory", {"memory": {"limit": 67108864}}, {"memory.max": "67108864"}),
    ("memory", {"memory": {"limit": 67108864, "reservation": 33554432}}, {"memory.low": "33554432"}),
    ("memory", {"memory": {"limit": -1}}, {"memory.max": "max"}),
    ("cpu", {"cpu": {"shares": 1024}}, {"cpu.weight": "100"}),
    ("cpu", {"cpu": {"shares": 2}}, {"cpu.weight": "1"}),
    ("cpu", {"cpu": {"quota": 50000, "period": 100000}}, {"cpu.max": "50000 100000"}),
    ("cpu", {"cpu": {"quota": -1, "period": 50000}}, {"cpu.max": "max 50000"}),
    ("cpu", {"cpu": {"idle": 1}}, {"cpu.idle": "1"}),
    ("cpuset", {"cpu": {"cpus": "0", "mems": "0"}}, {"cpuset.cpus": "0", "cpuset.mems": "0"}),
]


@pytest.mark.parametrize(
    ("controller", "resources", "files"),
    [pytest.param(*row, marks=needs.controller(row[0]), id=f"{row[0]} {row[2]}") for row in LIMITS],
)
def test_a_limit_is_written_to_the_containers_cgroup(runtime, bundle, controller, resources, files):
    made = bundle("sleep")
    made.linux["resources"] = resources
    with runtime.running(made) as container:
        assert {name: (directory(container) / name).read_text().strip() for name in files} == files


@needs.controller("pids")
@pytest.mark.parametrize("limit", [1, 2])
def test_a_limit_on_processes_does_not_count_those_of_the_set_up(runtime, bundle, limit):
    """Entering a pid namespace takes a fork; the limit is the program's."""
    made = bundle("exit", "3")
    made.linux["resources"] = {"pids": {"limit": limit}}
    assert runtime.run(made).status == 3


@needs.controller("pids")
def test_no_limit_is_set_that_was_not_asked_for(runtime, bundle):
    with runtime.running(bundle("sleep")) as container:
        assert (directory(container) / "pids.max").read_text().strip() == "max"


@pytest.mark.only("minirun", "other runtimes fall back to version 1 or pass over it")
@pytest.mark.parametrize(
    ("controller", "resources"),
    [
        pytest.param(name, resources, marks=needs.no_controller(name), id=name)
        for name, resources in {
            "pids": {"pids": {"limit": 50}},
            "memory": {"memory": {"limit": 67108864}},
            "cpu": {"cpu": {"shares": 1024}},
            "cpuset": {"cpu": {"cpus": "0"}},
        }.items()
    ],
)
def test_a_limit_without_its_controller_is_refused_by_name(runtime, bundle, controller, resources):
    made = bundle()
    made.linux["resources"] = resources
    result = runtime.run(made)
    assert result.refused
    assert controller in result.stderr
    assert "/linux/resources" in result.stderr


@pytest.mark.only("minirun", "other runtimes pass over it")
@pytest.mark.parametrize(
    "resources",
    [{"memory": {"kernel": 1048576}}, {"memory": {"swappiness": 60}}, {"memory": {"disableOOMKiller": True}}],
    ids=str,
)
def test_a_limit_that_only_version_1_has_is_refused(runtime, bundle, resources):
    """config-linux.md#cgroup-v2: a value that can't be converted MUST be an error."""
    made = bundle()
    made.linux["resources"] = resources
    assert runtime.run(made).refused


@pytest.mark.deviates("runc", "warns, before version 1.2")
@pytest.mark.deviates("crun", "does not look, which config-linux.md#control-groups leaves open")
def test_a_cgroup_with_processes_is_refused(runtime, bundle, path):
    one, other = bundle("sleep"), bundle("exit", "0", name="other")
    one.linux["cgroupsPath"] = other.linux["cgroupsPath"] = path
    with runtime.running(one) as container:
        assert runtime.run(other).refused
        assert container.cgroup() == path


@pytest.mark.only("minirun", "a runtime that does not look would wait for ever")
def test_a_frozen_cgroup_is_refused(runtime, bundle, path):
    """Nothing in it would ever run."""
    frozen = cgroup2_root() / path.lstrip("/")
    frozen.mkdir()
    (frozen / "cgroup.freeze").write_text("1")
    made = bundle("exit", "0")
    made.linux["cgroupsPath"] = path
    assert runtime.run(made).refused
    assert frozen.is_dir()
