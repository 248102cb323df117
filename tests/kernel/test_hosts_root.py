"""root.path may lead to the host's own root, for tools that want the host's files in other namespaces. It works where
it does no harm: what is there serves, and nothing new is made on the host.

Each run has a /dev of its own in a mount namespace of its own, so that nothing happens to the real one.
"""

from __future__ import annotations

import os
import shlex
import stat

import pytest

from kernel.kit.helpers import mount, unmount

pytestmark = [pytest.mark.root, pytest.mark.only("minirun", "the others change the host")]

ROOTS = ("/", "//", "/.", "link", "bind")
NODES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}


@pytest.fixture
def dev(place):
    """What will be the host's /dev."""
    directory = place / "dev"
    directory.mkdir()
    (directory / "pts").mkdir()
    for name, numbers in {**NODES, "ptmx": (5, 2), "console": (5, 1)}.items():
        os.mknod(directory / name, stat.S_IFCHR | 0o666, os.makedev(*numbers))
    for name, target in LINKS.items():
        (directory / name).symlink_to(target)
    return directory


@pytest.fixture(params=ROOTS)
def root(request, place):
    if request.param == "link":
        (place / "link").symlink_to("/")
        yield place / "link"
    elif request.param == "bind":
        (place / "root").mkdir()
        mount("--rbind", "/", place / "root")
        mount("--make-rprivate", place / "root")
        yield place / "root"
        unmount(place / "root")
    else:
        yield request.param


def run(runtime, made, dev, root="/"):
    """Runs it where `dev` is the host's /dev; what is in there and in / is as before."""
    made.config["root"]["path"] = str(root)
    made.process["args"][0] = str(made.rootfs / "probe")
    before = listing(dev), set(os.listdir("/"))
    script = f'mount --bind {shlex.quote(str(dev))} /dev && exec "$@"'
    prefix = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"]
    result = runtime.run(made, prefix=prefix)
    assert (listing(dev), set(os.listdir("/"))) == before
    return result


def listing(directory):
    names = sorted(os.listdir(directory))
    facts = [os.lstat(directory / name) for name in names]
    return [(name, it.st_ino, it.st_mode, it.st_uid, it.st_rdev, it.st_ctime_ns) for name, it in zip(names, facts)]


def test_without_mounts_the_hosts_devices_serve(runtime, bundle, dev, root):
    made = bundle("list", "/dev")
    made.config["mounts"] = []
    result = run(runtime, made, dev, root)
    if root not in ("/", "//", "/.") and not str(root).endswith("link"):
        assert result.status == 0 or result.refused, result  # the bind has the real /dev
    else:
        assert {"null", "ptmx", "console"} <= set(result.json["/dev"])


def test_with_the_usual_mounts_it_is_a_container(runtime, bundle, dev, root):
    told = run(runtime, bundle("list", "/dev", "/proc"), dev, root).json
    assert {"null", "ptmx", "shm"} <= set(told["/dev"]) and "console" not in told["/dev"]


@pytest.mark.parametrize("missing", ["full", "ptmx", "fd"])
def test_a_device_that_the_host_lacks_is_not_made(runtime, bundle, dev, missing):
    made = bundle()
    made.config["mounts"] = []
    (dev / missing).unlink()
    result = run(runtime, made, dev)
    assert result.refused and f"/dev/{missing}" in result.stderr and "root is the host's" in result.stderr, result


@pytest.mark.parametrize("wrong", ["null", "ptmx"])
def test_what_is_something_else_is_not_replaced(runtime, bundle, dev, wrong):
    made = bundle()
    made.config["mounts"] = []
    (dev / wrong).unlink()
    (dev / wrong).write_text("precious")
    assert run(runtime, made, dev).refused
    assert (dev / wrong).read_text() == "precious"


def test_a_working_directory_is_not_made(runtime, bundle, dev, root):
    made = bundle()
    made.process["cwd"] = "/minirun-no-such-directory/x"
    result = run(runtime, made, dev, root)
    assert result.refused and "/process/cwd" in result.stderr and "root is the host's" in result.stderr, result


@pytest.mark.parametrize("missing", ["console", ""])
def test_a_console_is_bound_and_not_made(runtime, bundle, dev, missing):
    made = bundle()
    made.mounts[:] = [mount for mount in made.mounts if mount["destination"] == "/dev/pts"]
    made.process["terminal"] = True
    if missing:
        (dev / "console").unlink()
    result = run(runtime, made, dev)
    assert (result.status, "/dev/console is not there" in result.stderr) == ((1, True) if missing else (0, False))


@pytest.mark.parametrize("kind", ["tmpfs", "file", "directory"])
def test_a_mount_point_is_not_made(runtime, bundle, place, dev, kind):
    made = bundle()
    (place / "file").touch()
    source = {"file": place / "file", "directory": place}
    if kind == "tmpfs":
        made.mount("/minirun-no-such-directory/x")
    else:
        made.bind(source[kind], "/minirun-no-such-directory/x")
    result = run(runtime, made, dev)
    assert result.refused and "/mounts/6" in result.stderr, result


def test_below_a_tmpfs_all_can_be_made(runtime, bundle, place, dev, root):
    made = bundle("list", "/run/made")
    made.mount("/run")
    made.mount("/run/made/here")
    made.process["cwd"] = "/run/made/there"
    assert sorted(run(runtime, made, dev, root).json["/run/made"]) == ["here", "there"]


def test_a_device_of_config_json_is_not_made(runtime, bundle, dev):
    made = bundle()
    made.config["mounts"] = []
    made.linux["devices"] = [{"path": "/dev/minirun-fuse", "type": "c", "major": 10, "minor": 229}]
    result = run(runtime, made, dev)
    assert result.refused and "/linux/devices/0" in result.stderr, result


def test_the_root_can_be_made_read_only(runtime, bundle, dev, root, place):
    made = bundle("write", str(place / "written"), "x")
    made.config["root"]["readonly"] = True
    assert run(runtime, made, dev, root).json[str(place / "written")]["error"] == "EROFS"


# ---- a /dev that comes from outside, below a root that does not


@pytest.mark.parametrize("destination", ["/dev", "//dev", "/dev/", "/mnt/../dev", "/devlink"])
@pytest.mark.parametrize("missing", ["null", "ptmx", "fd", ""])
def test_in_a_bound_dev_nothing_is_made(runtime, bundle, dev, destination, missing):
    made = bundle("list", "/dev")
    made.link("devlink", "dev")
    made.without_mount("/dev")
    made.bind(dev, destination)
    made.linux["devices"] = [{"path": "/dev/minirun-fuse", "type": "c", "major": 10, "minor": 229}]
    if missing:
        (dev / missing).unlink()
    before = listing(dev)
    told = runtime.run(made).json["/dev"]
    assert listing(dev) == before and "null" in [*told, missing]


def test_in_a_dev_that_lies_below_the_image_nothing_is_made(runtime, bundle, dev):
    """As for chroot(8): the host's /dev, bound there before."""
    made = bundle("list", "/dev")
    made.without_mount("/dev")
    (dev / "ptmx").unlink()
    mount("--bind", dev, made.rootfs / "dev")
    before = listing(dev)
    try:
        assert "ptmx" not in runtime.run(made).json["/dev"]
        assert listing(dev) == before
    finally:
        unmount(made.rootfs / "dev")


def test_in_the_hosts_own_devtmpfs_nothing_is_made(runtime, bundle):
    made = bundle("list", "/dev")
    made.without_mount("/dev")
    made.mount("/dev", kind="devtmpfs", source="devtmpfs")
    ptmx = os.lstat("/dev/ptmx")
    runtime.run(made)
    assert (os.lstat("/dev/ptmx").st_ino, os.lstat("/dev/ptmx").st_mode) == (ptmx.st_ino, ptmx.st_mode)
