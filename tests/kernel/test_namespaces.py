"""config-linux.md#namespaces: what is listed is new or joined, what is not listed is the caller's."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from kernel.kit import needs
from kernel.kit.helpers import namespace_holder
from kernel.kit.host import nothing_left
from kernel.kit.outside import FILES, Process

pytestmark = pytest.mark.root

TIME = needs.namespace("time")
OLD_RUNC = pytest.mark.deviates("runc", "time namespaces came with 1.2")
ALL = [
    "pid",
    "network",
    "mount",
    "ipc",
    "uts",
    "user",
    "cgroup",
    pytest.param("time", marks=[TIME, OLD_RUNC]),
]


# ---- new


@pytest.mark.parametrize("kind", ALL)
def test_a_listed_namespace_is_new(runtime, bundle, kind):
    made = bundle("sleep")
    if kind == "user":
        made.user_namespace()
    else:
        made.namespace(kind)
    with runtime.running(made) as container:
        assert container.namespace(kind) != Process().namespace(kind)


@pytest.mark.parametrize("kind", ["pid", "network", "ipc", "uts", "user", "cgroup", pytest.param("time", marks=TIME)])
def test_a_namespace_that_is_not_listed_is_the_callers(runtime, bundle, kind):
    made = bundle("sleep")
    made.without_namespace(kind)
    with runtime.running(made) as container:
        assert container.namespace(kind) == Process().namespace(kind)


@pytest.mark.deviates("runc", "exec has the host's root directory there")
def test_a_container_can_be_in_the_hosts_mount_namespace(life):
    """It has a root directory of its own all the same, for `exec`, too."""
    one = life("sleep")
    one.bundle.without_namespace("mount")
    one.bundle.write()
    one.started()
    assert one.process.namespace("mount") == Process().namespace("mount")
    told = one.call("exec", "/probe", "list", "/").json
    assert "probe" in told["/"], "and not the host's, which has none"


@pytest.mark.only("minirun", "others leave mounts on the host")
@pytest.mark.parametrize("program", ["/probe", "/missing"])
def test_a_container_in_the_hosts_mount_namespace_leaves_nothing_there(life, bundle, program):
    """Not even a mount that the container has made in a volume."""
    one = life("sleep")
    one.bundle.without_namespace("mount")
    volume = one.bundle.path / "volume"
    (volume / "deep").mkdir(parents=True)
    one.bundle.bind(volume, "/volume")
    one.bundle.mount("/volume/deep")
    one.bundle.process["args"][0] = program
    one.bundle.write()
    with nothing_left("minirun"):
        made = one.create()
        assert (made.status == 0) == (program == "/probe")
        assert not os.path.ismount(volume / "deep")
        one.delete("--force")


def test_two_containers_have_different_namespaces(runtime, bundle):
    with runtime.running(bundle("sleep")) as one, runtime.running(bundle("sleep", name="other")) as other:
        for kind in ("pid", "network", "mount", "ipc", "uts"):
            assert one.namespace(kind) != other.namespace(kind)


def test_the_program_is_process_1_of_a_new_pid_namespace(runtime, bundle):
    told = runtime.run(bundle()).json
    assert (told["pid"], told["ppid"]) == (1, 0)


def test_proc_shows_the_containers_processes_only(runtime, bundle):
    names = runtime.run(bundle("list", "/proc")).json["/proc"]
    assert [name for name in names if name.isdigit()] == ["1"]


# ---- joined


@pytest.mark.parametrize(
    "kind",
    [
        "pid",
        "network",
        "ipc",
        "uts",
        "cgroup",
        "mount",
        pytest.param("time", marks=[TIME, OLD_RUNC]),
    ],
)
def test_a_namespace_with_a_path_is_joined(runtime, bundle, kind):
    made = bundle("sleep")
    with namespace_holder(kind) as holder:
        made.namespace(kind, f"/proc/{holder.pid}/ns/{FILES[kind]}")
        with runtime.running(made) as container:
            assert container.namespace(kind) == holder.namespace(kind)


@pytest.mark.deviates("runc", "1.1.5 wants mappings in config.json even for a namespace that has them")
def test_a_user_namespace_with_a_path_is_joined(runtime, bundle):
    made = bundle("sleep")
    with namespace_holder("user") as holder:
        for name in ("uid_map", "gid_map"):
            (holder.proc / name).write_text("0 100000 65536")
        made.namespace("user", f"/proc/{holder.pid}/ns/user")
        with runtime.running(made) as container:
            assert container.namespace("user") == holder.namespace("user")
            assert container.status()["Uid"].split() == ["100000"] * 4


def test_the_namespaces_of_a_running_container_can_be_joined(runtime, bundle):
    with runtime.running(bundle("sleep")) as first:
        second = bundle("sleep", name="second")
        for kind in ("network", "ipc", "uts", "pid"):
            second.namespace(kind, f"/proc/{first.pid}/ns/{FILES[kind]}")
        with runtime.running(second) as container:
            for kind in ("network", "ipc", "uts", "pid"):
                assert container.namespace(kind) == first.namespace(kind)
            assert container.namespace("mount") != first.namespace("mount")


# ---- refused


@pytest.mark.parametrize("kind", ["network", "ipc", "uts", "pid"])
def test_the_path_of_another_kind_of_namespace_is_refused(runtime, bundle, kind):
    made = bundle()
    with namespace_holder("mount") as holder:
        made.namespace(kind, f"/proc/{holder.pid}/ns/mnt")
        assert runtime.run(made).refused


@pytest.mark.parametrize("path", ["/nonexistent/namespace", "/etc/hostname", "/proc/self", "proc/self/ns/net"])
def test_a_path_that_is_no_namespace_is_refused(runtime, bundle, path):
    made = bundle()
    made.namespace("network", path)
    assert runtime.run(made).refused


def test_a_namespace_listed_twice_is_refused(runtime, bundle):
    made = bundle()
    made.linux["namespaces"] += [{"type": "network"}]
    assert runtime.run(made).refused


def test_an_unknown_namespace_is_refused(runtime, bundle):
    made = bundle()
    made.namespace("flavour")
    assert runtime.run(made).refused


# ---- user


def test_ids_are_mapped_in_a_user_namespace(runtime, bundle):
    made = bundle("sleep")
    made.user_namespace(host_id=200000, size=1000)
    with runtime.running(made) as container:
        for name in ("uid_map", "gid_map"):
            assert container.text(name).split() == ["0", "200000", "1000"]
        status = container.status()
        assert status["Uid"].split() == status["Gid"].split() == ["200000"] * 4


def test_the_program_sees_the_containers_ids_in_a_user_namespace(runtime, bundle):
    made = bundle()
    made.user_namespace()
    made.process["user"] = {"uid": 7, "gid": 8, "additionalGids": [9]}
    told = runtime.run(made).json
    assert (told["uid"], told["gid"], told["groups"]) == (7, 8, [9])


def test_several_ranges_are_mapped(runtime, bundle):
    made = bundle("sleep")
    made.user_namespace()
    made.linux["uidMappings"] = [
        {"containerID": 0, "hostID": 200000, "size": 10},
        {"containerID": 1000, "hostID": 300000, "size": 1},
    ]
    with runtime.running(made) as container:
        assert [line.split() for line in container.lines("uid_map")] == [["0", "200000", "10"], ["1000", "300000", "1"]]


def test_the_owners_of_the_root_file_system_stay_as_they_are(runtime, bundle):
    """config-linux.md#user-namespace-mappings: the runtime SHOULD NOT change them."""
    made = bundle()
    made.user_namespace()
    runtime.run(made).json  # noqa: B018 -- expects success
    assert os.stat(made.rootfs).st_uid == os.stat(made.rootfs / "probe").st_uid == 0


def test_a_user_namespace_without_mappings_is_refused(runtime, bundle):
    made = bundle()
    made.namespace("user")
    assert runtime.run(made).refused


def test_a_user_that_is_not_mapped_is_refused(runtime, bundle):
    made = bundle()
    made.user_namespace(size=10)
    made.process["user"]["uid"] = 11
    assert runtime.run(made).refused


# ---- time


@TIME
@OLD_RUNC
def test_clocks_are_set_off_in_a_time_namespace(runtime, bundle):
    made = bundle()
    made.namespace("time")
    made.linux["timeOffsets"] = {"boottime": {"secs": 864000}, "monotonic": {"secs": 1000, "nanosecs": 500}}
    told = runtime.run(made).json
    assert [line.split() for line in told["timens_offsets"]] == [
        ["monotonic", "1000", "500"],
        ["boottime", "864000", "0"],
    ]
    assert told["clocks"]["boottime"] == pytest.approx(time.clock_gettime(time.CLOCK_BOOTTIME) + 864000, abs=10)
    assert told["clocks"]["monotonic"] == pytest.approx(time.monotonic() + 1000, abs=10)


@pytest.mark.deviates("runc", "1.1 does not know time namespaces")
def test_time_offsets_without_a_time_namespace_are_refused(runtime, bundle):
    made = bundle()
    made.linux["timeOffsets"] = {"boottime": {"secs": 1}}
    assert runtime.run(made).refused


# ---- network, cgroup


def test_lo_is_the_only_interface_and_answers_in_a_new_network_namespace(runtime, bundle):
    made = bundle()
    assert runtime.run(made).json["interfaces"] == {"lo": {"up": True, "loopback": True, "address": "127.0.0.1"}}
    made.process["args"] = ["/probe", "loopback"]
    assert runtime.run(made).json == {"error": ""}


@needs.cgroup2()
def test_the_containers_cgroup_is_the_root_of_a_new_cgroup_namespace(runtime, bundle):
    """cgroup_namespaces(7): that is so only if the namespace is made after the process was moved."""
    made = bundle()
    made.namespace("cgroup")
    assert "0::/" in runtime.run(made).json["cgroup"]


@pytest.mark.deviates("runc", "takes the host's own UTS namespace")
@pytest.mark.deviates("crun", "likewise")
def test_the_hosts_own_namespace_is_not_renamed(runtime, bundle):
    made = bundle("exit", "0")
    made.without_namespace("uts")
    made.linux["namespaces"].append({"type": "uts", "path": "/proc/self/ns/uts"})
    made.config["hostname"] = os.uname().nodename  # what it is called already, should the test find a fault
    assert runtime.run(made).refused


@pytest.mark.deviates("runc", "looks whether there is a path, and then takes what it leads to")
@pytest.mark.deviates("crun", "likewise")
def test_the_hosts_own_namespace_gets_no_sysctl(runtime, bundle):
    """What is the host's here is one of the test's own."""
    made = bundle("exit", "0")
    made.namespace("ipc", "/proc/self/ns/ipc")
    made.linux["sysctl"] = {"kernel.msgmax": "4096"}
    assert runtime.run(made, prefix=("unshare", "--ipc")).refused


@pytest.mark.deviates("runc", "refuses it where that is its own")
def test_the_hosts_own_network_that_is_named_gets_its_sysctl(runtime, bundle):
    """As Podman asks for it, which has a default for this one; the network is one of the test's own, once more."""
    path = Path("/proc/sys/net/ipv4/ping_group_range")
    before = path.read_text()
    made = bundle("read", str(path))
    made.namespace("network", "/proc/self/ns/net")
    made.linux["sysctl"] = {"net.ipv4.ping_group_range": "0 7"}
    found = runtime.run(made, prefix=("unshare", "--net")).json[str(path)]["text"]
    assert found.split() == ["0", "7"]
    assert path.read_text() == before
