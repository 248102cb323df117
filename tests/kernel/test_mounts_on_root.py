"""A mount on "/", by whatever name: it is the root that the program sees, or config.json is refused. Never does the
program write to what lies below it.

runc changes the root to what config.json's mount covers where the list begins with it, and fails later where it does
not; crun refuses all of these.
"""

from __future__ import annotations

import os
import shutil

import pytest

from kernel.kit.host import nothing_left
from kernel.kit.outside import mounted_at

pytestmark = pytest.mark.root

SPELLINGS = ("/", "//", "/.", "/mnt/..", "/link", "/link/.", "/up/..")
MINIRUN = pytest.mark.only("minirun", "runc writes below the mount or fails, crun refuses it")


@pytest.fixture
def other(place, probe):
    """A directory of the host to be mounted there: it has what the image has, and a name that tells it."""
    directory = place / "other"
    for name in ("proc", "sys", "dev", "mnt", "tmp", "run", "etc"):
        (directory / name).mkdir(parents=True)
    (directory / "of-the-other").touch()
    shutil.copy(probe, directory / "probe")
    return directory


def with_links(made):
    made.link("link", "/")
    made.link("up", "tmp")
    return made


def check_root(runtime, made, other, **options):
    """The program writes to what is mounted."""
    result = runtime.run(with_links(made), **options)
    assert result.json["/written"]["error"] == "", result
    assert (other / "written").read_text() == "x"
    assert not (made.rootfs / "written").exists()


@pytest.mark.parametrize("destination", ["/", "//", "/."])
def test_what_is_mounted_on_the_root_first_is_the_root(runtime, bundle, other, destination):
    made = bundle("write", "/written", "x")
    made.bind(other, destination)
    made.mounts.insert(0, made.mounts.pop())
    check_root(runtime, made, other)


@MINIRUN
@pytest.mark.parametrize("at", [1, 6])
@pytest.mark.parametrize("destination", SPELLINGS)
def test_anywhere_in_the_list_and_by_any_name(runtime, bundle, other, destination, at):
    made = bundle("write", "/written", "x")
    made.bind(other, destination)
    made.mounts.insert(at, made.mounts.pop())
    check_root(runtime, made, other)


@MINIRUN
def test_also_where_there_is_no_pivot(runtime, bundle, other):
    made = bundle("write", "/written", "x")
    made.bind(other, "/")
    check_root(runtime, made, other, options=["--no-pivot"])


@MINIRUN
@pytest.mark.parametrize("at", [0, 6])
def test_also_without_a_mount_namespace_and_all_of_it_goes(runtime, bundle, other, at):
    made = bundle("write", "/written", "x")
    made.without_namespace("mount")
    made.bind(other, "/")
    made.mounts.insert(at, made.mounts.pop())
    with nothing_left("minirun"):
        check_root(runtime, made, other)


@MINIRUN
def test_also_in_a_user_namespace(runtime, bundle, other):
    made = bundle("write", "/tmp/written", "x")
    made.user_namespace()
    made.bind(other, "/")
    made.mounts.insert(0, made.mounts.pop())
    (other / "tmp").chmod(0o777)
    assert runtime.run(made).json["/tmp/written"]["error"] == ""
    assert (other / "tmp/written").exists()


@MINIRUN
@pytest.mark.parametrize("with_namespace", [True, False])
def test_a_further_process_sees_the_same_root(life, other, with_namespace):
    one = life()
    if not with_namespace:
        one.bundle.without_namespace("mount")
    one.bundle.bind(other, "/link")
    one.bundle.mounts.insert(0, one.bundle.mounts.pop())
    with_links(one.bundle).write()
    one.started()
    assert one.call("exec", "/probe", "write", "/written", "x").status == 0
    assert (other / "written").exists() and not (one.bundle.rootfs / "written").exists()


@MINIRUN
def test_what_comes_later_lies_in_it(runtime, bundle, other):
    """Mounts, devices, masks, the working directory: none is made below."""
    made = bundle("list", "/dev", "/secrets")
    made.bind(other, "/link")
    made.mounts.insert(0, made.mounts.pop())
    made.mount("/made/here")
    made.process["cwd"] = "/cwd"
    (other / "secrets").mkdir()
    (other / "secrets/one").touch()
    made.linux["maskedPaths"] = ["/secrets"]
    with_links(made)
    before = set(os.listdir(made.rootfs))
    told = runtime.run(made).json
    assert {"null", "pts", "ptmx"} <= set(told["/dev"]) and told["/secrets"] == []
    assert (other / "made/here").is_dir() and (other / "cwd").is_dir()
    assert set(os.listdir(made.rootfs)) == before


@MINIRUN
def test_a_read_only_mount_is_a_read_only_root(runtime, bundle, other):
    made = bundle("write", "/written", "x")
    made.bind(other, "/", "ro")
    made.mounts.insert(0, made.mounts.pop())
    assert runtime.run(made).json["/written"]["error"] == "EROFS"


@MINIRUN
def test_root_readonly_is_about_what_is_mounted(runtime, bundle, other):
    made = bundle("write", "/written", "x")
    made.bind(other, "/")
    made.config["root"]["readonly"] = True
    assert runtime.run(made).json["/written"]["error"] == "EROFS"
    assert not (made.rootfs / "written").exists()


@MINIRUN
@pytest.mark.parametrize("path", SPELLINGS)
def test_the_root_can_be_a_read_only_path(runtime, bundle, path):
    made = with_links(bundle("write", "/written", "x"))
    made.linux["readonlyPaths"] = [path]
    assert runtime.run(made).json["/written"]["error"] == "EROFS"
    assert not (made.rootfs / "written").exists()


@MINIRUN
@pytest.mark.parametrize("path", SPELLINGS)
def test_the_root_can_be_no_masked_path(runtime, bundle, path):
    made = with_links(bundle())
    made.linux["maskedPaths"] = ["/etc", path]
    result = runtime.run(made)
    assert result.refused and "/linux/maskedPaths/1" in result.stderr, result


@MINIRUN
@pytest.mark.parametrize("namespace", ["none", "user"])
@pytest.mark.parametrize("path", ["/", "//", "/.", "/mnt/.."])
def test_no_device_takes_the_place_of_the_root(runtime, bundle, path, namespace):
    made = bundle()
    if namespace == "user":
        made.user_namespace()
    made.linux["devices"] = [{"path": path, "type": "c", "major": 1, "minor": 3}]
    result = runtime.run(made)
    assert result.refused and "/linux/devices/0" in result.stderr, result


@MINIRUN
@pytest.mark.parametrize("options", [["tmpcopyup"], ["tmpcopyup", "ro"]])
@pytest.mark.parametrize("destination", ["/", "/link"])
def test_a_copy_of_the_root_is_the_root(runtime, bundle, destination, options):
    made = with_links(bundle("write", "/written", "x"))
    made.mount(destination, *options)
    made.mounts.insert(0, made.mounts.pop())
    told = runtime.run(made).json["/written"]
    assert told["error"] == ("EROFS" if "ro" in options else "")
    assert not (made.rootfs / "written").exists()


@MINIRUN
def test_a_copy_of_the_root_leaves_out_what_is_mounted(runtime, bundle):
    """Of a /proc there is no end, and some of its files never answer."""
    made = bundle("list", "/sys", "/mnt")
    made.file("mnt/of-the-image")
    made.mount("/", "tmpcopyup")
    assert runtime.run(made).json == {"/sys": [], "/mnt": ["of-the-image"]}


def test_the_mount_of_the_root_can_be_changed(runtime, bundle):
    made = bundle("write", "/written", "x")
    made.mount("/", "bind", "remount", "ro", kind="none", source="/")
    assert runtime.run(made).json["/written"]["error"] == "EROFS"


@MINIRUN
def test_the_file_system_of_the_root_is_the_hosts(runtime, bundle):
    """remount without bind would make it read-only for everybody (mount(2), MS_REMOUNT)."""
    made = bundle()
    made.mount("/", "remount", "ro")
    result = runtime.run(made)
    assert result.refused and "/mounts/6" in result.stderr, result


@MINIRUN
def test_a_shared_mount_can_not_become_the_root(runtime, bundle, other):
    made = bundle()
    made.bind(other, "/", "rshared")
    result = runtime.run(made)
    assert result.refused and "rootfsPropagation" in result.stderr, result


def test_a_mount_beside_the_root_is_no_root(runtime, bundle):
    """The same directory in another mount."""
    made = bundle("write", "/mnt/tmp/written", "x")
    made.bind(made.rootfs, "/mnt")
    made.mount("/mnt/tmp", "nosuid")
    told = runtime.run(made).json
    assert told["/mnt/tmp/written"]["error"] == ""
    assert not (made.rootfs / "tmp/written").exists()
    made.process["args"] = ["/probe"]
    assert "nosuid" in mounted_at(runtime.run(made).json["mountinfo"], "/mnt/tmp").options
