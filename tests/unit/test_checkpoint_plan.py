"""What CRIU is told: its messages, the mounts that are not in the images, and the plans."""

from __future__ import annotations

import pytest

from minirun.errors import ConfigError, StateError
from minirun.kernel.sockets import MessageSocket
from minirun.plan.checkpoint import checkpoint_plan
from minirun.plan.options import Options
from minirun.plan.restore import restore_plan
from minirun.spec.default import default
from minirun.spec.load import parse
from minirun.steps import external
from minirun.steps.criu import Criu, Wishes
from minirun.steps.criu_messages import DUMP, NOTIFY, Answer, encoded, go_on, request, varint
from minirun.steps.external import Mounted
from minirun.steps.restore_mounts import MakeMountPoints, attributes
from minirun.steps.step import Refused

# ---- messages, as protobuf.dev has them


@pytest.mark.parametrize(("value", "written"), [(0, b"\0"), (1, b"\1"), (150, b"\x96\1"), (300, b"\xac\2")])
def test_numbers(value, written):
    assert varint(value) == written


def test_a_request():
    assert go_on() == b"\x08\x06\x18\x01"
    assert request(1, {"images_dir_fd": 7, "log_file": "l"}) == b"\x08\x01\x12\x05\x08\x07\x52\x01l"


def test_what_comes_again_and_what_is_a_message_itself():
    assert encoded({"fd": [1, 2]}, {"fd": 1}) == b"\x08\x01\x08\x02"
    made = request(2, {"inherit_fd": [{"key": "k", "fd": 3}]})
    assert made == b"\x08\x02\x12\x08" + b"\xda\x01\x05\x0a\x01k\x10\x03"


def test_a_criu_that_has_ended_before_it_was_asked(tmp_path):
    near, far = MessageSocket.pair()
    far.close()
    criu = Criu(Wishes(image_path=str(tmp_path), work_path=str(tmp_path)), near, {"images": 0, "work": 0})
    criu.ask(DUMP, {}, "dump.log")
    with pytest.raises(Refused, match="it has ended and written no log"):
        criu.hear()
    near.close()


def test_an_answer():
    told = Answer(b"\x08\x06\x10\x01\x2a\x08\x0a\x03pre\x10\xac\x02")
    assert (told.kind, told.success, told.moment, told.pid) == (NOTIFY, True, "pre", 300)
    assert Answer(b"\x08\x02\x10\x01\x22\x02\x08\x07").pid == 7
    failed = Answer(b"\x08\x01\x10\x00\x38\x16\x4a\x03why")
    assert (failed.success, failed.error, failed.message) == (False, 22, "why")
    assert not Answer(b"").success


@pytest.mark.parametrize("message", [b"\x08", b"\x08\xff"])
def test_an_answer_that_is_cut_off(message):
    with pytest.raises(ValueError, match="in the middle"):
        Answer(message)


# ---- mounts

HOST = [Mounted(1, 0, "8:1", "/", "/", "rw", "ext4"), Mounted(2, 1, "0:5", "/", "/dev", "rw", "devtmpfs")]
ROOT = Mounted(10, 1, "8:1", "/bundle/rootfs", "/", "rw", "ext4")
INSIDE = [
    ROOT,
    Mounted(11, 10, "0:20", "/", "/proc", "rw", "proc"),
    Mounted(12, 10, "8:1", "/data", "/data", "ro", "ext4"),
    Mounted(13, 12, "8:1", "/more", "/data/more", "rw", "ext4"),
    Mounted(14, 11, "0:5", "/null", "/proc/keys", "ro", "devtmpfs"),
    Mounted(15, 10, "8:1", "/bundle/rootfs/etc", "/etc", "ro", "ext4"),
    Mounted(16, 10, "0:30", "/", "/tmp", "rw", "tmpfs"),
]


@pytest.fixture
def mounts(monkeypatch):
    inside = list(INSIDE)
    monkeypatch.setattr(external, "mounted", lambda pid: HOST if pid == "self" else inside)
    return inside


def test_what_is_of_the_host_is_named_by_config_json_or_is_a_device(mounts):
    assert external.external_mounts(7, {12: 3}) == {
        "/data": {"mount": 3, "below": ""},
        "/data/more": {"mount": 3, "below": "/more"},
        "/proc/keys": {"path": "/dev/null"},
    }


def test_of_the_hosts_files_nothing_else_is_brought_again(mounts):
    mounts.append(Mounted(17, 10, "8:1", "/data/a/name", "/mnt", "rw", "ext4"))
    with pytest.raises(Refused, match="/mnt is of the host's files, and not by"):
        external.external_mounts(7, {12: 3})


def test_below_a_mount_there_has_to_be_one_on_the_host(mounts):
    assert external.place_below("/", "dev") == "/dev"
    assert external.place_below("/dev", "") == "/dev"
    with pytest.raises(Refused, match="nothing is mounted on /dev/elsewhere any more"):
        external.place_below("/dev", "/elsewhere")


def test_only_what_takes_away_is_set_again():
    now = Mounted(1, 0, "8:1", "/", "/x", "rw,relatime", "ext4")
    assert attributes("ro,nosuid,noatime", now) == 1 | 2
    assert attributes("rw,relatime", now) == 0
    assert attributes("", now) == 0


# ---- plans

WISHES = Wishes("/images", "/work")


def options(**more) -> Options:
    return Options(**{"id": "kept", "bundle": "/bundle", "detach": True, **more})


def config(**linux):
    made = default(False, 0, 0)
    made["process"]["terminal"] = False
    made["linux"] |= linux
    return parse(made)


def names(steps) -> list[str]:
    return [type(step).__name__ for step in steps]


def test_a_checkpoint_in_order():
    told = names(checkpoint_plan(config(), options(), WISHES))
    assert told == ["MakeImages", "OpenImages", "SaveDescriptors", "FindExternalMounts", "DumpProcesses"]


def test_of_memory_alone_nothing_else_is_noted():
    steps = checkpoint_plan(config(), options(), WISHES.replace(pre_dump=True))
    assert names(steps) == ["MakeImages", "OpenImages", "DumpProcesses"]
    assert "criu pre-dump" in str(steps[-1].shell()) and "--track-mem" in str(steps[-1].shell())


def test_nothing_goes_on_before_it_is_as_it_was():
    told = names(restore_plan(config(), options(), WISHES))
    last = told.index("ResumeProcesses")
    for name in ("RestoreLoopback", "RestoreProcesses", "RestoreMountOptions", "AttachDeviceFilter"):
        assert told.index("ExecuteCriu") < told.index(name) < last
    assert told.index("MakeCgroup") < told.index("StartContainerProcess") < told.index("ExecuteCriu")
    assert [name for name in told[:last] if name == "WriteState"] == ["WriteState"] * 2


def test_mount_points_are_those_of_the_root_directory():
    """What lies below another mount is CRIU's."""
    made = default(False, 0, 0)
    made["process"]["terminal"] = False
    bound = {"type": "bind", "options": ["bind"]}
    made["mounts"] = [
        {"destination": "/dev", "type": "tmpfs"},
        {"destination": "/dev/shm", "type": "tmpfs"},
        {"destination": "/device", "source": "files", **bound},
    ]
    (step,) = [one for one in restore_plan(parse(made), options(), WISHES) if isinstance(one, MakeMountPoints)]
    assert step.places == (("/dev", ""), ("/device", "/bundle/files"))


@pytest.mark.parametrize("kind", ["user", "mount", "time", "cgroup"])
def test_a_namespace_that_can_not_be_kept_apart(kind):
    kinds = [{"type": name} for name in ("pid", "mount", "uts") if name != kind]
    joined = config(namespaces=[*kinds, {"type": kind, "path": "/a/path"}])
    for made in (checkpoint_plan, restore_plan):
        with pytest.raises(ConfigError, match=f"join a {kind} namespace"):
            made(joined, options(), WISHES)


def test_it_is_roots():
    with pytest.raises(StateError, match="are root's"):
        checkpoint_plan(config(), options(rootless=True, uid=7), WISHES)
