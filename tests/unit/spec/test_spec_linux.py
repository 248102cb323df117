"""config.json's /linux without its resources."""

from __future__ import annotations

import pytest
from unit.spec.spec_helpers import MAPPINGS, TIME_NAMESPACE, USER_NAMESPACE, Bad, bad, load_changed

from minirun.spec.config import Device, IdMapping, Namespace, TimeOffset
from minirun.spec.config_rare import Personality

L = "/linux"
NS = f"{L}/namespaces"
MOUNT_ONLY = {NS: [{"type": "mount"}]}


@bad(
    Bad(NS, [{"type": "mount"}, {"type": "net"}], f"{NS}/1/type", says="network"),
    Bad(NS, [{"type": "mount"}, {}], f"{NS}/1/type", says="missing"),
    Bad(NS, [{"type": "mount"}, {"type": "uts"}, {"type": "mount"}], f"{NS}/2/type", says="second"),
    Bad(NS, [{"type": "uts"}, {"type": "uts", "path": "/x"}, {"type": "mount"}], f"{NS}/1/type", says="second"),
    Bad(NS, [{"type": "mount", "path": "ns/mnt"}], f"{NS}/0/path", says="absolute"),
    Bad(NS, [{"type": "mount", "path": ""}], f"{NS}/0/path", says="absolute"),
    Bad(NS, [{"type": "mount", "path": "/a\0"}], f"{NS}/0/path", says="NUL"),
    Bad(NS, [{"type": "user"}], says="no mount namespace", also=USER_NAMESPACE),
    Bad(NS, "mount"),
)
def test_bad_namespaces(row: Bad) -> None:
    row.check()


def mapping(**changes: object) -> list[dict[str, object]]:
    return [{**MAPPINGS[0], **changes}]


@bad(
    Bad(f"{L}/uidMappings", MAPPINGS, says="no user namespace"),
    Bad(f"{L}/gidMappings", MAPPINGS, says="no user namespace"),
    Bad(f"{NS}/-", {"type": "user"}, f"{L}/uidMappings", says="missing"),
    Bad(f"{L}/gidMappings", [], says="missing", also=USER_NAMESPACE),
    Bad(f"{L}/uidMappings", mapping(size=0), f"{L}/uidMappings/0/size", also=USER_NAMESPACE),
    Bad(f"{L}/uidMappings", mapping(size=2**32), f"{L}/uidMappings/0/size", also=USER_NAMESPACE),
    Bad(f"{L}/uidMappings", mapping(size=None), f"{L}/uidMappings/0/size", says="missing", also=USER_NAMESPACE),
    Bad(f"{L}/uidMappings", mapping(hostID=-1), f"{L}/uidMappings/0/hostID", also=USER_NAMESPACE),
    Bad(f"{L}/gidMappings", mapping(hostID=2**32 - 1), f"{L}/gidMappings/0/hostID", also=USER_NAMESPACE),
    Bad(f"{L}/gidMappings", mapping(containerID=None), f"{L}/gidMappings/0/containerID", also=USER_NAMESPACE),
    Bad(f"{L}/gidMappings", mapping(containerID="0"), f"{L}/gidMappings/0/containerID", also=USER_NAMESPACE),
)
def test_bad_mappings(row: Bad) -> None:
    row.check()


T = f"{L}/timeOffsets"


@bad(
    Bad(T, {"monotonic": {"secs": 1}}, says="time namespace"),
    Bad(
        T,
        {"boottime": {"secs": 1}},
        says="new time namespace",
        also={f"{NS}/-": {"type": "time", "path": "/proc/1/ns/time"}},
    ),
    Bad(T, {"realtime": {"secs": 1}}, f"{T}/realtime", says="boottime", also=TIME_NAMESPACE),
    Bad(T, {"boottime": 5}, f"{T}/boottime", also=TIME_NAMESPACE),
    Bad(T, {"boottime": {"secs": "5"}}, f"{T}/boottime/secs", also=TIME_NAMESPACE),
    Bad(T, {"boottime": {"secs": -(2**63) - 1}}, f"{T}/boottime/secs", also=TIME_NAMESPACE),
    Bad(T, {"boottime": {"secs": 2**63}}, f"{T}/boottime/secs", also=TIME_NAMESPACE),
    Bad(T, {"boottime": {"nanosecs": -1}}, f"{T}/boottime/nanosecs", also=TIME_NAMESPACE),
    Bad(T, {"boottime": {"nanosecs": 10**9}}, f"{T}/boottime/nanosecs", also=TIME_NAMESPACE),
)
def test_bad_time_offsets(row: Bad) -> None:
    row.check()


def device(**changes: object) -> list[dict[str, object]]:
    whole = {"type": "c", "path": "/dev/fuse", "major": 10, "minor": 229, **changes}
    return [{key: value for key, value in whole.items() if value is not None}]


D = f"{L}/devices"


@bad(
    Bad(D, device(type=None), f"{D}/0/type", says="missing"),
    Bad(D, device(type="a"), f"{D}/0/type"),
    Bad(D, device(path=None), f"{D}/0/path", says="missing"),
    Bad(D, device(path="dev/fuse"), f"{D}/0/path", says="absolute"),
    *(Bad(D, device(type=kind, major=None), f"{D}/0/major", says="missing") for kind in "cub"),
    *(Bad(D, device(type=kind, minor=None), f"{D}/0/minor", says="missing") for kind in "cub"),
    Bad(D, device(major=-1), f"{D}/0/major"),
    Bad(D, device(major=2**12), f"{D}/0/major"),
    Bad(D, device(minor=2**20), f"{D}/0/minor"),
    Bad(D, device(fileMode=-1), f"{D}/0/fileMode"),
    Bad(D, device(fileMode=0o200000), f"{D}/0/fileMode"),
    Bad(D, device(fileMode="0666"), f"{D}/0/fileMode"),
    Bad(D, device(uid=-1), f"{D}/0/uid"),
    Bad(D, device(gid=2**32 - 1), f"{D}/0/gid"),
)
def test_bad_devices(row: Bad) -> None:
    row.check()


@bad(
    Bad(f"{L}/maskedPaths", ["/a", "b"], f"{L}/maskedPaths/1", says="absolute"),
    Bad(f"{L}/readonlyPaths", [""], f"{L}/readonlyPaths/0", says="absolute"),
    Bad(f"{L}/readonlyPaths", "/proc"),
    Bad(f"{L}/cgroupsPath", "/a/../b"),
    Bad(f"{L}/cgroupsPath", ".."),
    Bad(f"{L}/cgroupsPath", "/", says="below"),
    Bad(f"{L}/cgroupsPath", "././/", says="below"),
    Bad(f"{L}/cgroupsPath", ["/a"]),
    Bad(f"{L}/cgroupsPath", "/a\0"),
    Bad(f"{L}/rootfsPropagation", "rec"),
    Bad(f"{L}/rootfsPropagation", 0),
    Bad(f"{L}/personality", {}, f"{L}/personality/domain", says="missing"),
    Bad(f"{L}/personality", {"domain": "LINUX64"}, f"{L}/personality/domain"),
    Bad(f"{L}/personality", {"domain": "LINUX", "flags": ["X"]}, f"{L}/personality/flags/0"),
    Bad(f"{L}/personality", {"domain": "LINUX", "flags": "X"}, f"{L}/personality/flags"),
)
def test_bad_others(row: Bad) -> None:
    row.check()


K = f"{L}/sysctl"


def sysctl(key: str, says: str = "host", **also: object) -> Bad:
    return Bad(K, {key: "1"}, f"{K}/{key.replace('/', '~1')}", says=says, **also)  # type: ignore[arg-type]


@bad(
    sysctl("kernel.hostname", "/hostname"),
    sysctl("kernel/hostname", "/hostname"),
    sysctl("kernel.core_pattern"),
    sysctl("kernel.shm"),
    sysctl("kernel.msgmax2"),
    sysctl("vm.swappiness"),
    sysctl("fs.file-max"),
    sysctl("fs.mqueue"),
    sysctl("network.x"),
    sysctl("net"),
    sysctl("net."),
    sysctl("net..core"),
    sysctl(".net.core"),
    sysctl("/net/core/somaxconn"),
    sysctl("/proc/sys/net/core/somaxconn"),
    sysctl("net/../kernel/core_pattern"),
    sysctl("net/./core"),
    sysctl("net.//.kernel"),
    sysctl(""),
    sysctl("net.core.somaxconn", "no network namespace", also=MOUNT_ONLY),
    sysctl("kernel.sem", "no ipc namespace", also=MOUNT_ONLY),
    sysctl("fs.mqueue.msg_max", "no ipc namespace", also=MOUNT_ONLY),
    sysctl("kernel.domainname", "no uts namespace", also=MOUNT_ONLY),
    sysctl("user.max_user_namespaces", "no user namespace"),
    Bad(K, {"net.core.somaxconn": 1}, f"{K}/net.core.somaxconn", says="a string"),
    Bad(K, [], says="an object"),
)
def test_bad_sysctl(row: Bad) -> None:
    row.check()


def test_namespaces() -> None:
    types = ("pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time")
    listed = [{"type": name, "path": f"/ns/{name}"} for name in types]
    assert load_changed({NS: listed}).linux.namespaces == tuple(Namespace(name, f"/ns/{name}") for name in types)


def test_a_namespace_without_path_is_new() -> None:
    assert load_changed({NS: [{"type": "mount", "path": None}]}).linux.namespaces == (Namespace("mount"),)


def test_mappings() -> None:
    linux = load_changed({**USER_NAMESPACE, f"{L}/gidMappings": mapping(size=2**32 - 1)}).linux
    assert linux.uid_mappings == (IdMapping(0, 1000, 1),)
    assert linux.gid_mappings == (IdMapping(0, 1000, 2**32 - 1),)


def test_a_joined_user_namespace_needs_no_mappings() -> None:
    assert load_changed({f"{NS}/-": {"type": "user", "path": "/x"}}).linux.uid_mappings == ()


def test_time_offsets() -> None:
    offsets = {"monotonic": {"secs": -5, "nanosecs": 999_999_999}, "boottime": {}, "realtime": None}
    read = load_changed({**TIME_NAMESPACE, T: offsets}).linux.time_offsets
    assert read == (TimeOffset("monotonic", -5, 999_999_999), TimeOffset("boottime", 0, 0))


@pytest.mark.parametrize("secs", [-(2**63), 0, 2**63 - 1])
def test_time_offsets_at_the_borders(secs: int) -> None:
    read = load_changed({**TIME_NAMESPACE, T: {"boottime": {"secs": secs}}}).linux.time_offsets
    assert read == (TimeOffset("boottime", secs),)


@pytest.mark.parametrize("kind", ["c", "u", "b"])
def test_devices(kind: str) -> None:
    read = load_changed({D: device(type=kind, fileMode=0o600, uid=1, gid=2)}).linux.devices
    assert read == (Device(kind, "/dev/fuse", 10, 229, 0o600, 1, 2),)


def test_a_device_says_no_more_than_the_file() -> None:
    assert load_changed({D: device()}).linux.devices == (Device("c", "/dev/fuse", 10, 229, None, None, None),)


@pytest.mark.parametrize(("major", "minor", "mode"), [(0, 0, 0), (2**12 - 1, 2**20 - 1, 0o7777)])
def test_devices_at_the_borders(major: int, minor: int, mode: int) -> None:
    read = load_changed({D: device(major=major, minor=minor, fileMode=mode)}).linux.devices
    assert read == (Device("c", "/dev/fuse", major, minor, mode),)


def test_a_fifo_needs_no_numbers() -> None:
    assert load_changed({D: [{"type": "p", "path": "/run/fifo"}]}).linux.devices == (Device("p", "/run/fifo"),)


def test_file_type_in_the_mode() -> None:
    assert load_changed({D: device(fileMode=0o20666)}).linux.devices[0].file_mode == 0o666


def test_paths() -> None:
    linux = load_changed({f"{L}/maskedPaths": ["/a", "/a"], f"{L}/readonlyPaths": ["/b"]}).linux
    assert (linux.masked_paths, linux.readonly_paths) == (("/a", "/a"), ("/b",))


@pytest.mark.parametrize("path", ["/a/b", "a", "machine.slice:libpod:1", "/..a/b.."])
def test_cgroups_paths(path: str) -> None:
    assert load_changed({f"{L}/cgroupsPath": path}).linux.cgroups_path == path


@pytest.mark.parametrize("name", ["cgroupsPath", "rootfsPropagation"])
def test_empty_is_absent(name: str) -> None:
    assert load_changed({f"{L}/{name}": ""}).linux == load_changed({}).linux


@pytest.mark.parametrize("name", [r + name for r in ("", "r") for name in ["shared", "slave", "private", "unbindable"]])
def test_propagations(name: str) -> None:
    assert load_changed({f"{L}/rootfsPropagation": name}).linux.rootfs_propagation == name


@bad(
    Bad(f"{L}/mountLabel", 5, says="a string"),
    Bad(f"{L}/mountLabel", 'x",size=1g', says="quotation"),
)
def test_bad_mount_labels(row: Bad) -> None:
    row.check()


def test_mount_label() -> None:
    assert load_changed({f"{L}/mountLabel": "u:r:t:s0:c1,c2"}).linux.mount_label == "u:r:t:s0:c1,c2"


@pytest.mark.parametrize("domain", ["LINUX", "LINUX32"])
def test_personality(domain: str) -> None:
    value = {"domain": domain, "flags": []}
    assert load_changed({f"{L}/personality": value}).linux.personality == Personality(domain)


@pytest.mark.parametrize(
    "key",
    [
        "kernel.msgmax",
        "kernel.msgmnb",
        "kernel.msgmni",
        "kernel.sem",
        "kernel.shmall",
        "kernel.shmmax",
        "kernel.shmmni",
        "kernel.shm_rmid_forced",
        "kernel/shmall",
        "kernel.domainname",
        "fs.mqueue.msg_max",
        "fs/mqueue/msg_max",
        "net.ipv4.ip_forward",
        "net/ipv4/ip_forward",
        "net.ipv4.conf.eth0/100.forwarding",
        "net/ipv4/conf/eth0.100/forwarding",
        "user.max_user_namespaces",
    ],
)
def test_sysctl_keeps_key_and_value(key: str) -> None:
    assert load_changed({**USER_NAMESPACE, K: {key: "0\t1"}}).linux.sysctl == {key: "0\t1"}
