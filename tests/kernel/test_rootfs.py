"""config.md#root and config-linux.md#rootfs-mount-propagation: the container's "/" and nothing of the host's."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from kernel.kit import needs
from kernel.kit.helpers import shared_mount
from kernel.kit.outside import Process, mounted_at, parse_mounts
from kernel.kit.runtime import TIMEOUT

pytestmark = pytest.mark.root


def test_the_containers_root_is_the_bundles_rootfs(runtime, bundle):
    made = bundle("list", "/")
    assert set(runtime.run(made).json["/"]) == set(os.listdir(made.rootfs))


def test_root_path_may_be_absolute(runtime, bundle):
    made = bundle()
    made.rootfs.rename(made.path / "elsewhere")
    made.config["root"]["path"] = str(made.path / "elsewhere")
    assert runtime.run(made).status == 0


def test_root_path_is_relative_to_the_bundle_not_to_the_caller(runtime, bundle):
    assert runtime.run(bundle(), cwd="/").status == 0


@pytest.mark.parametrize("path", ["missing", "config.json", "/nonexistent/rootfs"])
def test_a_root_that_is_no_directory_is_refused(runtime, bundle, path):
    made = bundle()
    made.config["root"]["path"] = path
    assert runtime.run(made).refused


# ---- read-only


def test_nothing_can_be_written_to_a_read_only_root(runtime, bundle):
    made = bundle("write", "/etc/file", "x")
    made.config["root"]["readonly"] = True
    assert runtime.run(made).json["/etc/file"]["error"] == "EROFS"


def test_mounts_in_a_read_only_root_stay_writable(runtime, bundle):
    made = bundle("write", "/mnt/file", "x")
    made.config["root"]["readonly"] = True
    made.mount("/mnt")
    assert runtime.run(made).json["/mnt/file"]["error"] == ""


def test_mount_points_are_made_in_a_read_only_root_too(runtime, bundle):
    made = bundle()
    made.config["root"]["readonly"] = True
    made.mount("/new/directory")
    mounted_at(runtime.run(made).json["mountinfo"], "/new/directory")


def test_the_bundles_rootfs_stays_writable_on_the_host(runtime, bundle):
    made = bundle("sleep")
    made.config["root"]["readonly"] = True
    with runtime.running(made):
        made.file("etc/still-writable")


def test_a_root_that_is_not_read_only_can_be_written_to(runtime, bundle):
    made = bundle("write", "/etc/file", "from inside")
    assert runtime.run(made).json["/etc/file"]["error"] == ""
    assert (made.rootfs / "etc/file").read_text() == "from inside"


# ---- the host's root


def test_only_the_mounts_of_the_config_are_there(runtime, bundle):
    made = bundle()
    found = {mount.point for mount in parse_mounts(runtime.run(made).json["mountinfo"])}
    expected = {"/", *(mount["destination"] for mount in made.mounts)}
    # A runtime may bind single devices where it can't make them, and the terminal's.
    assert {point for point in found - expected if not point.startswith("/dev/")} == set()
    assert expected <= found


def test_no_descriptor_or_working_directory_leads_out(runtime, bundle):
    made = bundle("sleep")
    with runtime.running(made) as container:
        assert os.path.samefile(container.proc / "root", made.rootfs)
        assert os.path.samefile(container.proc / "cwd", made.rootfs)
        assert sorted(os.listdir(container.proc / "fd")) == ["0", "1", "2"]


def test_the_container_does_not_see_mounts_that_the_host_makes_later(runtime, bundle, place):
    with runtime.running(bundle("sleep")) as container:
        before = container.lines("mountinfo")
        with shared_mount(place / "later"):
            assert container.lines("mountinfo") == before


def test_the_host_does_not_see_the_containers_mounts(runtime, bundle, place):
    """Even where the rootfs lies on a mount that propagates, as all mounts do under systemd."""
    with shared_mount(place):
        before = Process().lines("mountinfo")
        with runtime.running(bundle("sleep")):
            assert Process().lines("mountinfo") == before


# ---- propagation


NOT_SET = pytest.mark.deviates("runc", "sets it before the root is bound, which undoes it again")


@pytest.mark.parametrize(
    ("value", "allowed"),
    [
        ("private", [set()]),
        ("rprivate", [set()]),
        ("slave", [{"master"}, set()]),  # a private mount has no master to follow: mount_namespaces(7)
        ("rslave", [{"master"}, set()]),
        pytest.param("unbindable", [{"unbindable"}], marks=NOT_SET),
        pytest.param("shared", [{"shared"}, {"shared", "master"}], marks=NOT_SET),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_propagation_of_the_root_is_set(runtime, bundle, value, allowed):
    made = bundle()
    made.linux["rootfsPropagation"] = value
    with shared_mount(made.path):
        root = mounted_at(runtime.run(made).json["mountinfo"], "/")
    assert {word.partition(":")[0] for word in root.propagation} in allowed


def test_an_unknown_propagation_is_refused(runtime, bundle):
    made = bundle()
    made.linux["rootfsPropagation"] = "sideways"
    assert runtime.run(made).refused


def test_the_root_can_be_moved_where_it_cannot_be_pivoted(runtime, bundle):
    """--no-pivot, for initial ramdisks. The host's proc and sysfs must be gone, by which a process could come back."""
    result = runtime.run(bundle("list", "/"), options=["--no-pivot"])
    assert "probe" in result.json["/"]
    told = runtime.run(bundle(name="again"), options=["--no-pivot"]).json
    assert sum(" - proc " in line for line in told["mountinfo"]) == 1


def test_the_root_can_be_moved_in_a_user_namespace(runtime, bundle):
    """Where the host's proc and sysfs are locked (mount_namespaces(7)), something else has to hide them."""
    made = bundle("list", "/")
    made.without_namespace("cgroup")
    prefix = ["unshare", "--user", "--map-root-user", "--mount"]
    result = runtime.run(made, options=["--no-pivot"], prefix=prefix)
    assert "probe" in result.json["/"]


# ---- minirun in a chroot

IN_A_CHROOT = """
mount -t tmpfs none "$1"
cd "$1"
for one in /*; do
    if [ -L "$one" ]; then
        cp -P "$one" .
    elif [ -d "$one" ]; then
        mkdir ".$one"
        mount --rbind "$one" ".$one"
    fi
done
touch in-the-chroot
exec chroot "$@"
"""


@pytest.fixture
def chroot(tmp_path):
    """The words that start a command in a chroot, where all of the host's directories are."""
    place = tmp_path / "root"
    place.mkdir()
    return ["unshare", "--mount", "sh", "-ec", IN_A_CHROOT, "_", str(place)]


@pytest.mark.only("minirun", "others leave the host's root below the container's, and exec lands there")
@pytest.mark.parametrize("option", [[], ["--no-pivot"]], ids=["pivot", "no-pivot"])
def test_the_namespaces_root_is_the_containers_also_from_a_chroot(life, chroot, option):
    """setns(2) leads to the root of the mount namespace: `exec` and nsenter(1) find the container's."""
    one = life("sleep")
    words = [*one.runtime.argv, "create", *option, "--bundle", str(one.bundle.path), one.id]
    subprocess.run([*chroot, *words], check=True, timeout=TIMEOUT, stdout=subprocess.DEVNULL)
    inside = one.call("exec", "/probe", "list", "/").json["/"]
    assert "probe" in inside and "in-the-chroot" not in inside and "boot" not in inside
    entered = ["nsenter", "--target", str(one.state()["pid"]), "--mount", "/probe", "list", "/"]
    seen = subprocess.run(entered, check=True, capture_output=True, timeout=TIMEOUT)
    assert json.loads(seen.stdout)["/"] == inside


@pytest.mark.only("minirun", "others leave the host's root below the container's, and exec lands there")
@pytest.mark.parametrize("option", [[], ["--no-pivot"]], ids=["pivot", "no-pivot"])
def test_the_root_of_a_chroot_as_that_of_a_container_leads_no_further(life, chroot, option):
    """It has the inode of the caller's root, which is not the namespace's."""
    one = life("sleep")
    one.bundle.config["root"]["path"] = "/"
    one.bundle.config["mounts"] = []
    one.bundle.process["args"][0] = str(one.bundle.rootfs / "probe")
    one.bundle.write()
    words = [*one.runtime.argv, "create", *option, "--bundle", str(one.bundle.path), one.id]
    subprocess.run([*chroot, *words], check=True, timeout=TIMEOUT, stdout=subprocess.DEVNULL)
    assert "in-the-chroot" in one.call("exec", one.bundle.process["args"][0], "list", "/").json["/"]


@pytest.mark.only("minirun", "others have no exec without a mount namespace")
@pytest.mark.parametrize("has_namespace", [True, False])
def test_exec_from_a_chroot_lands_in_the_containers_root(life, chroot, has_namespace):
    one = life("sleep")
    if not has_namespace:
        one.bundle.without_namespace("mount")
    one.bundle.write()
    one.started()
    words = [*chroot, *one.runtime.argv, "exec", one.id, "/probe", "list", "/"]
    seen = subprocess.run(words, check=True, capture_output=True, timeout=TIMEOUT)
    assert set(json.loads(seen.stdout)["/"]) == set(os.listdir(one.bundle.rootfs))


@needs.program("setpriv")
def test_who_may_not_call_chroot_needs_not_leave_one(runtime, bundle):
    """setns(2) takes CAP_SYS_CHROOT, which pivot_root(2) does not."""
    made = bundle("list", "/")
    prefix = ["setpriv", "--bounding-set", "-sys_chroot", "--inh-caps", "-sys_chroot"]
    assert set(runtime.run(made, prefix=prefix).json["/"]) == set(os.listdir(made.rootfs))


@pytest.mark.only("minirun", "its own words")
def test_a_chroot_that_is_no_mount_is_told_of(runtime, bundle, chroot):
    made = bundle()
    script = (
        chroot[4].replace('cd "$1"', 'mkdir "$1/below"; cd "$1/below"').replace('chroot "$@"', 'chroot "$PWD" "$@"')
    )
    words = [*chroot[:4], script.replace("exec", "shift\nexec"), *chroot[5:]]
    result = runtime.run(made, prefix=words)
    assert result.refused and "EINVAL" in result.stderr and "before chroot(8), makes it one" in result.stderr, result


@pytest.mark.only("minirun", "others leave the host's root below the container's")
def test_a_chroots_own_root_becomes_the_namespaces_too(life, chroot):
    """A container may have all of the chroot for its root: that is not yet the root of the mount namespace."""
    one = life("sleep")
    probe = str(one.bundle.rootfs / "probe")
    one.bundle.config["root"]["path"] = "/"
    one.bundle.config["process"]["args"][0] = probe
    one.bundle.write()
    words = [*one.runtime.argv, "create", "--bundle", str(one.bundle.path), one.id]
    subprocess.run([*chroot, *words], check=True, timeout=TIMEOUT, stdout=subprocess.DEVNULL)
    entered = ["nsenter", "--target", str(one.state()["pid"]), "--mount", probe, "list", "/"]
    seen = subprocess.run(entered, check=True, capture_output=True, timeout=TIMEOUT)
    assert "in-the-chroot" in json.loads(seen.stdout)["/"]


@pytest.mark.only("minirun", "others have no umount(2) for what lies outside of the chroot")
def test_a_root_is_moved_from_a_chroot_that_alone_has_a_proc(runtime, bundle, chroot):
    """An initial ramdisk may have unpacked one."""
    script = chroot[4].replace("exec", "umount -l /proc\nexec")
    result = runtime.run(bundle("list", "/"), options=["--no-pivot"], prefix=[*chroot[:4], script, *chroot[5:]])
    assert "probe" in result.json["/"]
