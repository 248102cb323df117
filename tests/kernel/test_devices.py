"""config-linux.md#devices and #default-devices: null(4), random(4), tty(4), mknod(2)."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from kernel.kit.host import nothing_left

pytestmark = pytest.mark.root

DEFAULTS = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
LINKS = {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"}


def device(path, kind="c", major=1, minor=3, **more):
    numbers = {} if kind == "p" else {"major": major, "minor": minor}
    return {"path": path, "type": kind, **numbers, **more}


# ---- the defaults


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_default_device_is_there(runtime, bundle, name):
    told = runtime.run(bundle()).json["dev"][f"/dev/{name}"]
    assert (told["type"], told["major"], told["minor"]) == ("c", *DEFAULTS[name])
    assert (told["mode"], told["uid"], told["gid"]) == (0o666, 0, 0)


def test_the_default_devices_can_be_used(runtime, bundle):
    names = [f"/dev/{name}" for name in DEFAULTS if name != "tty"]  # which nobody without a terminal can open
    assert runtime.run(bundle("open", *names)).json == {name: {"read": "", "write": ""} for name in names}


def test_the_default_devices_do_not_depend_on_the_callers_umask(runtime, bundle):
    assert runtime.run(bundle(), umask=0o077).json["dev"]["/dev/null"]["mode"] == 0o666


def test_ptmx_is_that_of_the_containers_devpts(runtime, bundle):
    """pts(4): the host's ptmx would make terminals of the host."""
    told = runtime.run(bundle()).json["dev"]["/dev/ptmx"]
    assert told["type"] == "c" or told["target"] in ("pts/ptmx", "/dev/pts/ptmx")


def test_there_is_no_console_without_a_terminal(runtime, bundle):
    assert "/dev/console" not in runtime.run(bundle()).json["dev"]


@pytest.mark.parametrize("name", LINKS)
def test_the_links_to_the_own_descriptors_are_there(runtime, bundle, name):
    """runtime-linux.md#dev-symbolic-links"""
    assert runtime.run(bundle()).json["dev"][f"/dev/{name}"]["target"] == LINKS[name]


def test_core_is_there_where_the_kernel_has_an_image_of_itself(runtime, bundle):
    """proc(5): /proc/kcore depends on how the kernel was configured. That a path is masked does not matter."""
    told = runtime.run(bundle()).json["dev"].get("/dev/core")
    assert told and told["target"] == "/proc/kcore" if os.path.exists("/proc/kcore") else told is None


def test_none_of_the_hosts_other_devices_is_there(runtime, bundle):
    told = runtime.run(bundle()).json["dev"]
    assert {name for name, facts in told.items() if facts["type"] in "cb"} <= {f"/dev/{name}" for name in DEFAULTS}


@pytest.mark.parametrize("name", ["null", "zero", "full", "random", "urandom"])
def test_the_default_devices_can_be_used_in_a_user_namespace(runtime, bundle, name):
    """user_namespaces(7) has no mknod(2) of devices: the host's have to be bound."""
    made = bundle("open", f"/dev/{name}")
    made.user_namespace()
    assert runtime.run(made).json == {f"/dev/{name}": {"read": "", "write": ""}}


def test_the_default_devices_are_made_in_an_image_without_a_dev_mount(runtime, bundle):
    made = bundle()
    made.without_mount("/dev")
    told = runtime.run(made).json["dev"]
    assert {f"/dev/{name}" for name in (*DEFAULTS, *LINKS)} <= set(told)


# ---- those of the config


@pytest.mark.parametrize(
    "listed",
    [
        device("/dev/mynull", fileMode=0o640, uid=5, gid=6),
        device("/dev/myloop", "b", 7, 0, fileMode=0o600, uid=0, gid=0),
        device("/dev/buffered", "u", 1, 5, fileMode=0o666, uid=1, gid=0),
        device("/run/fifo", "p", fileMode=0o622, uid=7, gid=8),
        device("/odd/new/place", fileMode=0o777, uid=0, gid=65534),
    ],
    ids=lambda listed: listed["path"],
)
def test_a_listed_device_is_made_as_it_is_described(runtime, bundle, listed):
    made = bundle("stat", listed["path"])
    made.linux["devices"] = [listed]
    told = runtime.run(made, umask=0o077).json[listed["path"]]
    assert told["type"] == {"u": "c"}.get(listed["type"], listed["type"])
    assert (told["major"], told["minor"]) == (listed.get("major", 0), listed.get("minor", 0))
    assert (told["mode"], told["uid"], told["gid"]) == (listed["fileMode"], listed["uid"], listed["gid"])


@pytest.mark.deviates("runc", "binds the host's node of the same path, and the host has none here")
@pytest.mark.deviates("crun", "binds a device of the host's, with its mode and owner")
@pytest.mark.parametrize("verb", ["stat", "open"])
def test_a_listed_device_is_made_in_a_user_namespace(runtime, bundle, verb):
    """Its owner is the one inside; and it can be opened, wherever the node was made."""
    made = bundle(verb, "/dev/extra")
    made.user_namespace()
    made.linux["devices"] = [device("/dev/extra", "c", 1, 7, fileMode=0o640, uid=0, gid=5)]
    told = runtime.run(made, umask=0o077).json["/dev/extra"]
    if verb == "stat":
        assert (told["major"], told["minor"], told["mode"], told["uid"], told["gid"]) == (1, 7, 0o640, 0, 5)
    else:
        assert told == {"read": "", "write": ""}


@pytest.mark.deviates("runc", "binds the host's node of the same path, and the host has none here")
@pytest.mark.parametrize("program", ["/probe", "/missing"])
def test_a_device_for_a_user_namespace_leaves_nothing_on_the_host(runtime, bundle, program):
    made = bundle("exit", "0")
    made.process["args"][0] = program
    made.user_namespace()
    made.linux["devices"] = [device("/dev/one", "c", 1, 7), device("/dev/two", "c", 1, 3)]
    with nothing_left(runtime.name):
        assert (runtime.run(made).status == 0) == (program == "/probe")


@pytest.mark.only("minirun", "the books of others have other names")
def test_no_user_of_the_host_finds_a_device_of_a_user_namespace(life):
    """Its mode is meant for the container, but the books can be in a file system where devices work (--root)."""
    one = life("sleep")
    one.bundle.user_namespace()
    one.bundle.linux["devices"] = [device("/dev/one", "c", 1, 7)]
    one.bundle.write()
    one.created()
    node = next(path for path in Path("/run/minirun", one.id).rglob("*") if path.is_char_device())
    told = subprocess.run(["cat", node], user=65534, group=65534, extra_groups=[], capture_output=True, text=True)
    assert "Permission denied" in told.stderr


def test_the_same_device_may_stand_in_the_image_already(runtime, bundle):
    made = bundle("stat", "/etc/node")
    os.mknod(made.rootfs / "etc/node", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    made.linux["devices"] = [device("/etc/node", fileMode=0o666, uid=0, gid=0)]
    assert runtime.run(made).json["/etc/node"]["major"] == 1


@pytest.mark.deviates("runc", "takes the permission for a default device away when it is listed too")
def test_a_default_device_may_be_listed(runtime, bundle):
    made = bundle()
    made.linux["devices"] = [device("/dev/null", fileMode=0o666, uid=0, gid=0)]
    assert runtime.run(made).json["dev"]["/dev/null"]["minor"] == 3


@pytest.mark.deviates("runc", "takes whatever stands at the path")
@pytest.mark.parametrize("what", ["file", "directory", "fifo", "other numbers", "other type", "link"])
def test_something_else_in_the_place_of_a_device_is_refused(runtime, bundle, what):
    """config-linux.md#devices: if a file exists that does not match, an error MUST be generated."""
    made = bundle()
    node = made.rootfs / "etc/node"
    {
        "file": lambda: node.write_text("x"),
        "directory": node.mkdir,
        "fifo": lambda: os.mkfifo(node),
        "other numbers": lambda: os.mknod(node, stat.S_IFCHR | 0o666, os.makedev(1, 5)),
        "other type": lambda: os.mknod(node, stat.S_IFBLK | 0o666, os.makedev(1, 3)),
        "link": lambda: node.symlink_to("/dev/null"),
    }[what]()
    made.linux["devices"] = [device("/etc/node", fileMode=0o666)]
    assert runtime.run(made).refused


UNCHECKED = pytest.mark.deviates("runc", "does not check")


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(device("/dev/x", "z"), id="type"),
        pytest.param({"path": "/dev/x", "type": "c"}, id="no numbers", marks=UNCHECKED),
        pytest.param(device("dev/x"), id="relative path", marks=UNCHECKED),
        pytest.param({"type": "c", "major": 1, "minor": 3}, id="no path", marks=UNCHECKED),
    ],
)
def test_a_device_that_makes_no_sense_is_refused(runtime, bundle, broken):
    made = bundle()
    made.linux["devices"] = [broken]
    assert runtime.run(made).refused


def test_a_mount_may_hide_a_listed_device_but_not_lose_the_defaults(runtime, bundle):
    """The links and nodes of /dev come after the mounts, or a tmpfs at /dev would hide them."""
    made = bundle()
    made.linux["devices"] = [device("/dev/listed", fileMode=0o600, uid=0, gid=0)]
    told = runtime.run(made).json["dev"]
    assert {"/dev/listed", "/dev/null", "/dev/fd"} <= set(told)


@pytest.mark.parametrize("option", ["bind", "rbind"])
def test_a_dev_of_the_host_stays_as_it_is(runtime, bundle, place, option):
    """It may well be the host's own: nothing is made, replaced or removed there."""
    dev = place / "dev"
    dev.mkdir()
    (dev / "ptmx").write_text("precious")
    os.mknod(dev / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    made = bundle("list", "/dev")
    made.without_mount("/dev")
    made.bind(dev, "/dev", option)
    assert sorted(runtime.run(made).json["/dev"]) == ["null", "ptmx"]
    assert (dev / "ptmx").read_text() == "precious"


# ---- rules


# No driver has these numbers, so where opening is allowed the kernel answers that there is no such device.
NODES = {"c 240 1": "rw", "c 240 7": "r", "b 240 1": "r", "b 240 2": "", "c 241 9": "rw", "c 241 1": ""}
RULES = [
    {"allow": False, "access": "rwm"},
    {"allow": True, "type": "c", "major": 240, "access": "rw"},
    {"allow": False, "type": "c", "major": 240, "minor": 7, "access": "w"},
    {"allow": True, "type": "b", "major": 240, "minor": 1, "access": "r"},
    {"allow": True, "type": "c", "minor": 9, "access": "rw"},
    {"allow": False, "type": "c", "major": 1, "minor": 3, "access": "rw"},
]


@pytest.mark.deviates("crun", "sets no rules where cgroup v1 is mounted, too")
def test_letters_that_mean_nothing_are_ignored(runtime, bundle):
    made = bundle("open", "/dev/extra")
    made.linux["devices"] = [device("/dev/extra", "c", 240, 1)]
    made.linux["resources"] = {"devices": [{"allow": True, "type": "c", "major": 240, "minor": 1, "access": "ra"}]}
    told = runtime.run(made).json["/dev/extra"]
    assert (told["read"], told["write"]) == ("ENXIO", "EPERM")


@pytest.mark.deviates("runc", "keeps to what cgroup v1 could do: no exception from a rule for a whole major number")
@pytest.mark.deviates("crun", "sets no rules where cgroup v1 is mounted, too")
def test_the_rules_decide_in_their_order_and_the_default_devices_stay(runtime, bundle):
    """config-linux.md#allowed-device-list: the last rule that matches. The usual devices come after all of them."""
    made = bundle("open", "/dev/null", *(f"/dev/{node.replace(' ', '-')}" for node in NODES))
    for node in NODES:
        kind, major, minor = node.split()
        entry = {"path": f"/dev/{node.replace(' ', '-')}", "type": kind, "major": int(major), "minor": int(minor)}
        made.linux.setdefault("devices", []).append(entry)
    made.linux["resources"] = {"devices": RULES}
    told = runtime.run(made).json
    assert told.pop("/dev/null") == {"read": "", "write": ""}
    answers = {
        node: {"read": "ENXIO" if "r" in allowed else "EPERM", "write": "ENXIO" if "w" in allowed else "EPERM"}
        for node, allowed in NODES.items()
    }
    assert dict(zip(NODES, told.values())) == answers
    made.process["args"] = ["/probe", "mknod", "/tmp/made", "c", "240", "7"]
    assert runtime.run(made).json == {"mknod": "", "read": "ENXIO", "write": "EPERM"}, "any node may be made"
