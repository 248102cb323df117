"""config-linux.md#cgroups-path and #control-groups: cgroups(7), version 2."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

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


def test_a_name_that_the_kernel_has_taken_is_refused(runtime, bundle):
    """An id may be cgroup.procs, too."""
    made = bundle("exit", "0")
    made.linux["cgroupsPath"] = "/minirun-test-taken/cgroup.procs"
    result = runtime.run(made)
    assert result.refused
    assert not (cgroup2_root() / "minirun-test-taken").exists()
    if runtime.name == "minirun":
        assert "/minirun-test-taken/cgroup.procs" in result.stderr and "again and again" not in result.stderr


@pytest.mark.parametrize("escape", ["/../../escape", "../../escape", "/a/../../../escape"])
def test_a_path_can_not_leave_the_cgroup_file_system(runtime, bundle, escape):
    before = set(cgroup2_root().parent.iterdir())
    made = bundle("exit", "0")
    made.linux["cgroupsPath"] = escape
    result = runtime.run(made)
    assert result.status == 0 or result.refused
    assert set(cgroup2_root().parent.iterdir()) == before


# ---- limits


@needs.controller("io")
@pytest.mark.only("minirun", "what helps is its own")
def test_a_disk_that_is_not_there_is_an_error_with_its_place(runtime, bundle):
    made = bundle()
    limits = [{"major": 4000, "minor": 77, "rate": 1}]
    made.linux["resources"] = {"blockIO": {"throttleReadBpsDevice": limits}}
    result = runtime.run(made)
    assert result.refused
    assert "/linux/resources/blockIO/throttleReadBpsDevice/0" in result.stderr and "no disk" in result.stderr


@needs.controller("io")
def test_a_weight_for_disks_is_written_or_refused(runtime, bundle):
    """It takes BFQ's or io.cost's file, which few kernels have both of, and some neither."""
    made = bundle("sleep")
    made.linux["resources"] = {"blockIO": {"weight": 500}}
    probe = cgroup2_root() / new_id()
    probe.mkdir()
    names = [name for name in ("io.bfq.weight", "io.weight") if (probe / name).exists()]
    probe.rmdir()
    if not names:
        assert runtime.run(made).refused
        return
    with runtime.running(made) as container:
        told = (directory(container) / names[0]).read_text().splitlines()[0]
    assert told == {"io.bfq.weight": "default 500", "io.weight": "default 4950"}[names[0]]


@pytest.mark.only("minirun", "its own words")
def test_a_file_by_name_of_a_controller_that_is_not_there_is_refused(runtime, bundle):
    made = bundle()
    made.linux["resources"] = {"unified": {"flavour.max": "1"}}
    result = runtime.run(made)
    assert result.refused
    assert "no flavour controller" in result.stderr


@needs.controller("memory")
def test_a_file_by_name_that_is_not_there_is_refused(runtime, bundle):
    made = bundle()
    made.linux["resources"] = {"unified": {"memory.flavour": "1"}}
    assert runtime.run(made).refused


@pytest.mark.parametrize("name", ["../memory.high", "below/memory.high", ".."])
def test_a_file_by_name_can_not_be_another_cgroups(runtime, bundle, name):
    made = bundle()
    made.linux["resources"] = {"unified": {name: "1"}}
    assert runtime.run(made).refused


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
    """config-linux.md#unified: a value that can't be converted MUST be an error."""
    made = bundle()
    made.linux["resources"] = resources
    assert runtime.run(made).refused


# ---- cgroups that take no container


@pytest.fixture
def parent(path):
    """A cgroup of that path, for a test to make a bad place of; the fixture `path` removes it."""
    made = cgroup2_root() / path.lstrip("/")
    made.mkdir()
    return made


@pytest.mark.deviates("runc", "1.1 warns of it, in the same words")
@pytest.mark.deviates("crun", "takes it")
def test_a_cgroup_with_processes_is_refused(runtime, bundle, path, parent):
    """config-linux.md#control-groups"""
    with subprocess.Popen(["sleep", "100"]) as other:
        (parent / "cgroup.procs").write_text(str(other.pid))
        made = bundle()
        made.linux["cgroupsPath"] = path
        result = runtime.run(made)
        assert result.refused and "container's cgroup is not empty" in result.stderr
        assert other.poll() is None, "its processes are none of the runtime's"
        other.kill()
        other.wait()
    assert parent.is_dir()


def test_a_frozen_cgroup_is_refused(runtime, bundle, path, parent):
    """config-linux.md#control-groups: or the container would never start."""
    (parent / "cgroup.freeze").write_text("1")
    made = bundle()
    made.linux["cgroupsPath"] = path
    result = runtime.run(made)
    assert result.refused and "container's cgroup unexpectedly frozen" in result.stderr
    (parent / "cgroup.freeze").write_text("0")


@pytest.mark.only("minirun", "others wait for a process that never runs")
def test_a_cgroup_below_a_frozen_one_is_refused(runtime, bundle, path, parent):
    (parent / "cgroup.freeze").write_text("1")
    made = bundle()
    made.linux["cgroupsPath"] = f"{path}/below"
    result = runtime.run(made)
    (parent / "cgroup.freeze").write_text("0")
    assert result.refused and "container's cgroup unexpectedly frozen" in result.stderr
    assert not (parent / "below").exists()


@pytest.mark.only("minirun", "its own words")
def test_a_threaded_part_of_the_tree_is_refused(runtime, bundle, path, parent):
    (parent / "threaded").mkdir()
    (parent / "threaded" / "cgroup.type").write_text("threaded")
    made = bundle()
    made.linux["cgroupsPath"] = f"{path}/below"
    result = runtime.run(made)
    assert result.refused and "threaded" in result.stderr and "/linux/cgroupsPath" in result.stderr
    assert not (parent / "below").exists()


@needs.controller("memory")
@pytest.mark.only("minirun", "its own words")
def test_a_cgroup_above_that_has_processes_hands_no_limits_down(runtime, bundle, path, parent):
    """No internal processes (cgroups(7)): the error says which rule it is."""
    with subprocess.Popen(["sleep", "100"]) as other:
        (parent / "cgroup.procs").write_text(str(other.pid))
        made = bundle()
        made.linux["cgroupsPath"] = f"{path}/below"
        made.linux["resources"] = {"memory": {"limit": 67108864}}
        result = runtime.run(made)
        other.kill()
        other.wait()
    assert result.refused and "no internal processes" in result.stderr


def test_below_a_cgroup_that_has_processes_there_is_room_without_limits(runtime, bundle, path, parent):
    with subprocess.Popen(["sleep", "100"]) as other:
        (parent / "cgroup.procs").write_text(str(other.pid))
        made = bundle("sleep")
        made.linux["cgroupsPath"] = f"{path}/below"
        with runtime.running(made) as container:
            kind = (directory(container) / "cgroup.type").read_text().strip()
        other.kill()
        other.wait()
    assert kind == "domain"


@needs.controller("memory")
@pytest.mark.only("minirun", "its own words")
def test_a_cgroup_that_hands_controllers_down_takes_no_container(runtime, bundle, path, parent):
    (cgroup2_root() / "cgroup.subtree_control").write_text("+memory")
    (parent / "child").mkdir()
    (parent / "cgroup.subtree_control").write_text("+memory")
    made = bundle()
    made.linux["cgroupsPath"] = path
    result = runtime.run(made)
    assert result.refused and "no internal processes" in result.stderr


# ---- where cgroup2 is to be seen


def private(*commands: str) -> list[str]:
    """What starts the runtime in a mount namespace in which these have been done."""
    return ["unshare", "--mount", "--propagation=private", "sh", "-ec", "; ".join((*commands, 'exec "$@"')), "sh"]


@pytest.mark.only("minirun", "its own words")
@pytest.mark.parametrize("what", ["-t tmpfs over-it", "--bind /etc"])
def test_a_cgroup2_with_something_mounted_over_it_is_told(runtime, bundle, what):
    """mountinfo has it still; there it can't be seen, nor mistaken for what lies above it."""
    for place in (cgroup2_root(), cgroup2_root().parent):
        result = runtime.run(bundle("exit", "0", name=new_id()), prefix=private(f"mount {what} {place}"))
        assert result.refused and f"is mounted on {cgroup2_root()}, but something else" in result.stderr
        assert "again and again" not in result.stderr
    assert not Path("/etc/minirun").exists()


@pytest.mark.only("minirun", "its own words")
def test_a_host_without_cgroup2_is_told(runtime, bundle):
    result = runtime.run(bundle(), prefix=private(f"umount -R {cgroup2_root()}"))
    assert result.refused and "cgroup2 is not mounted on this host" in result.stderr


@pytest.mark.only("minirun", "others insist on /sys/fs/cgroup")
def test_of_several_mounts_one_in_sight_is_taken(runtime, bundle, place, path):
    """The others are covered, by a file system of another kind or by a part of the tree, or have gone."""
    root = cgroup2_root()
    part = root / path.lstrip("/")
    part.mkdir()
    other, gone = place / "other", place / "gone"
    other.mkdir(), gone.mkdir()
    everywhere = [f"mount -t cgroup2 cgroup2 {other}", f"mount -t cgroup2 cgroup2 {gone}", f"umount {gone}"]
    made = bundle("exit", "0")
    made.linux["cgroupsPath"] = f"{path}/whole"
    for cover in ("mount -t tmpfs over-it", f"mount --bind {part}"):
        prefix = private(*everywhere, f"{cover} {root}")
        told = runtime.run(made, prefix=prefix, options=["--narrate"]).stderr
        assert f"{other}{path}/whole" in told, told
    assert list(part.glob("*/")) == []


@pytest.mark.only("minirun", "others insist on the whole")
def test_a_part_of_the_tree_will_do_where_no_more_is_in_sight(runtime, bundle, path):
    part = cgroup2_root() / path.lstrip("/")
    part.mkdir()
    result = runtime.run(bundle("exit", "7"), prefix=private(f"mount --bind {part} {cgroup2_root()}"))
    assert result.status == 7
    assert not any(entry.is_dir() for entry in part.iterdir())


# ---- the container's own


def owners(container) -> dict[str, int]:
    """Those of the cgroup's directory and files that are not root."""
    files = {".": directory(container), **{file.name: file for file in directory(container).iterdir()}}
    return {name: file.stat().st_uid for name, file in files.items() if file.stat().st_uid != 0}


def with_own_cgroup(made, *options: str):
    made.namespace("cgroup")
    made.mount("/sys/fs/cgroup", "nosuid", *options, kind="cgroup", source="cgroup")
    made.process["user"] = {"uid": 7, "gid": 7}
    return made


@pytest.mark.deviates("runc", "1.1.5 leaves the cgroup to root, unless systemd makes it")
@pytest.mark.deviates("crun", "makes the root of the user namespace the owner, and nobody without one")
def test_a_container_that_may_write_to_its_cgroup_owns_it(runtime, bundle):
    """config-linux.md#cgroup-ownership: the program's user, the files that the kernel delegates, and no others."""
    delegated = {*Path("/sys/kernel/cgroup/delegate").read_text().split(), "."}
    with runtime.running(with_own_cgroup(bundle("sleep"))) as container:
        there = {file.name for file in directory(container).iterdir()} | {"."}
        assert owners(container) == dict.fromkeys(delegated & there, 7)
        (directory(container) / "made by the container").mkdir()
    mapped = with_own_cgroup(bundle("sleep", name="mapped"))
    mapped.user_namespace()
    with runtime.running(mapped) as container:
        assert set(owners(container).values()) == {100007}


def test_a_container_that_may_only_read_its_cgroup_does_not_own_it(runtime, bundle):
    with runtime.running(with_own_cgroup(bundle("sleep"), "ro")) as container:
        assert owners(container) == {}


@needs.controller("pids")
def test_exec_finds_its_place_where_the_program_has_divided_the_cgroup(life):
    """As systemd does: no internal processes (cgroups(7))."""
    one = life("sleep")
    one.bundle.linux["resources"] = {"pids": {"limit": 50}}
    one.bundle.write()
    one.started()
    place = directory(one.process)
    (place / "below").mkdir()
    (place / "below" / "cgroup.procs").write_text(str(one.process.pid))
    (place / "cgroup.subtree_control").write_text("+pids")
    assert (
        one.call("exec", "/probe", "read", "/proc/self/cgroup").json["/proc/self/cgroup"]["text"].endswith("/below\n")
    )


@needs.controller("pids")
@pytest.mark.only("minirun", "others go by the path in /proc/PID/cgroup, which is no path any more")
def test_exec_finds_its_place_however_long_the_way(life):
    one = life("sleep").started()
    place = directory(one.process)
    deepest = os.open(place, os.O_RDONLY)
    for _ in range(30):
        os.mkdir("x" * 200, dir_fd=deepest)
        deepest = os.open("x" * 200, os.O_RDONLY, dir_fd=deepest)
    members = os.open("cgroup.procs", os.O_RDWR, dir_fd=deepest)
    os.write(members, str(one.process.pid).encode())
    (place / "cgroup.subtree_control").write_text("+pids")
    assert one.call("exec", "/probe", "sleep", options=["--detach"]).status == 0
    assert len(os.pread(members, 100, 0).split()) == 2
