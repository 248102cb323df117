"""config.md#mounts: a bind mount whose source is the container's own, or out of reach of its root user."""

from __future__ import annotations

import os

import pytest

from kernel.kit import needs
from kernel.kit.helpers import mount, unmount
from kernel.kit.host import nothing_left
from kernel.kit.outside import mounted_at

pytestmark = pytest.mark.root

NAMESPACES = pytest.mark.parametrize("namespace", ["none", "user"])
CRUN_EARLY = pytest.mark.deviates("crun", "likewise")
RUNC_EARLY = pytest.mark.deviates("runc", "1.1 opens the sources before the mounts are made, in a user namespace")


def enter(made, namespace):
    if namespace == "user":
        made.user_namespace()
        os.chown(made.rootfs, 100000, 100000)
        for path in made.rootfs.rglob("*"):
            os.lchown(path, 100000, 100000)
    return made


def put(made, path, text="from the mount"):
    """A file of the host's, bound below a tmpfs at `path` in the container: what an earlier entry has put there."""
    source = made.path / "message"
    source.write_text(text)
    made.mount(path, "mode=755")
    made.bind(source, f"{path}/message")


# ---- a source below the container's root


@RUNC_EARLY
@CRUN_EARLY
@NAMESPACES
@pytest.mark.parametrize("option", ["bind", "rbind"])
def test_a_source_in_the_root_shows_what_was_mounted_there(runtime, bundle, namespace, option):
    made = enter(bundle("read", "/mnt/message", "/etc/message"), namespace)
    put(made, "/run")
    made.bind(made.rootfs / "run", "/mnt", "rbind")
    made.bind("rootfs/run/message", "/etc/message", option)
    told = runtime.run(made).json
    assert told["/mnt/message"]["text"] == told["/etc/message"]["text"] == "from the mount"


@RUNC_EARLY
@CRUN_EARLY
@NAMESPACES
def test_it_is_there_only_because_of_that_mount(runtime, bundle, namespace):
    """Nothing of that name is in the image."""
    made = enter(bundle("read", "/mnt/message"), namespace)
    put(made, "/run/new")
    made.bind(made.rootfs / "run/new", "/mnt", "rbind")
    made.mounts.append(made.mounts.pop())
    assert runtime.run(made).json["/mnt/message"]["text"] == "from the mount"


@RUNC_EARLY
@CRUN_EARLY
@NAMESPACES
def test_the_same_file_system_is_there_twice(runtime, bundle, namespace):
    made = enter(bundle("write", "/mnt/file", "x"), namespace)
    made.mount("/run", "size=64k")
    made.bind(made.rootfs / "run", "/mnt")
    told = runtime.run(made).json
    assert told["/mnt/file"]["error"] == ""
    made.process["args"] = ["/probe"]
    lines = runtime.run(made).json["mountinfo"]
    devices = {line.split()[2] for line in lines if line.split()[4] in ("/run", "/mnt")}
    assert len(devices) == 1


@pytest.mark.only("minirun", "others look at the host's directory")
def test_also_without_a_mount_namespace(runtime, bundle):
    made = bundle("read", "/mnt/message")
    made.without_namespace("mount")
    put(made, "/run")
    made.bind(made.rootfs / "run", "/mnt", "rbind")
    with nothing_left("minirun"):
        assert runtime.run(made).json["/mnt/message"]["text"] == "from the mount"


@pytest.mark.only("minirun", "others mount below the new root or refuse it")
def test_also_where_the_root_is_a_mount_of_the_list(runtime, bundle, place):
    made = bundle("read", "/mnt/message")
    for name in ("proc", "sys", "dev", "mnt", "run"):
        (place / "other" / name).mkdir(parents=True)
    os.link(made.rootfs / "probe", place / "other/probe")
    made.bind(place / "other", "/")
    made.mounts.insert(0, made.mounts.pop())
    put(made, "/run")
    made.bind(made.rootfs / "run", "/mnt", "rbind")
    assert runtime.run(made).json["/mnt/message"]["text"] == "from the mount"


@pytest.mark.deviates("runc", "mapped mounts came with 1.2")
@pytest.mark.deviates("crun", "copies the source before the mounts are made")
@NAMESPACES
@pytest.mark.parametrize("option", ["idmap", "ridmap"])
def test_a_mapped_one_shows_it_too(runtime, bundle, place, namespace, option):
    if not needs.maps_owners(place):
        pytest.skip("the tests' directory is on a file system that can't map owners")
    made = enter(bundle("stat", "/mnt/file"), namespace)
    (place / "volume").mkdir()
    (place / "volume/file").touch()
    os.chown(place / "volume/file", 1000, 2000)
    made.bind(place / "volume", "/run")
    made.bind(made.rootfs / "run", "/mnt", "rbind", option)
    outside = 100000 if namespace == "user" else 0
    for name, inside in (("uidMappings", 1000), ("gidMappings", 2000)):
        made.mounts[-1][name] = [{"containerID": inside, "hostID": outside + 5, "size": 1}]
    told = runtime.run(made).json["/mnt/file"]
    assert (told["uid"], told["gid"]) == (5, 5)


@pytest.mark.only("minirun", "others follow the image's links on the host")
@NAMESPACES
@pytest.mark.parametrize("way", ["absolute", "upwards"])
@pytest.mark.parametrize("source", ["link", "link/secret", "etc/../link/secret"])
def test_no_link_of_the_image_leads_a_source_out_of_it(runtime, bundle, place, namespace, way, source):
    """Whoever names a place of the image means that, and gets nothing of the host's by it."""
    (place / "outside").mkdir()
    (place / "outside/secret").write_text("the host's secret")
    made = bundle("read", "/mnt/here", "/mnt/here/secret")
    target = str(place / "outside")
    made.link("link", target if way == "absolute" else "../" * 12 + target)
    enter(made, namespace)
    made.bind(made.rootfs / source, "/mnt/here")
    result = runtime.run(made)
    assert result.refused and "the host's secret" not in result.stdout, result


@pytest.mark.only("minirun", "others follow the image's links on the host")
@NAMESPACES
def test_no_circle_of_links_leads_to_the_hosts_file_of_the_same_name(runtime, bundle, place, namespace):
    """A namespace's file is the one that could be bound from outside of the container's mount namespace."""
    hosts = place / "namespace"
    hosts.touch()
    mount("--bind", "/proc/self/ns/uts", hosts)
    try:
        made = bundle("stat", "/mnt/ns")
        (made.rootfs / str(hosts.parent).lstrip("/")).mkdir(parents=True)
        made.link(str(hosts), hosts)
        enter(made, namespace)
        made.bind(f"{made.rootfs}{hosts}", "/mnt/ns")
        result = runtime.run(made)
    finally:
        unmount(hosts)
    assert result.refused and "ELOOP" in result.stderr, result


# ---- a source out of reach


@pytest.fixture
def closed(place):
    """Only the host's root gets there."""
    directory = place / "closed"
    directory.mkdir(0o700)
    (directory / "volume").mkdir()
    (directory / "volume/message").write_text("hello")
    (directory / "volume/message").chmod(0o666)
    return directory


@pytest.mark.parametrize("option", ["bind", "rbind"])
@pytest.mark.parametrize(("source", "destination"), [("volume", "/mnt"), ("volume/message", "/mnt/message")])
def test_the_runtime_opens_what_the_containers_root_can_not_reach(runtime, bundle, closed, option, source, destination):
    made = enter(bundle("read", "/mnt/message"), "user")
    made.bind(closed / source, destination, option)
    assert runtime.run(made).json["/mnt/message"]["text"] == "hello"


def test_by_a_symlink_too(runtime, bundle, closed, place):
    (place / "link").symlink_to(closed)
    (closed / "relative").symlink_to("../closed/./volume")
    made = enter(bundle("read", "/mnt/message"), "user")
    made.bind(place / "link/relative", "/mnt")
    assert runtime.run(made).json["/mnt/message"]["text"] == "hello"


def test_what_the_host_has_forbidden_stays_so(runtime, bundle, closed):
    """The mount is one of the container's own namespace, whose root may not clear the host's flags."""
    mount("--bind", closed / "volume", closed / "volume")
    try:
        mount("-o", "remount,bind,ro,nosuid", closed / "volume")
        made = enter(bundle("write", "/mnt/message", "x"), "user")
        made.bind(closed / "volume", "/mnt")
        told = runtime.run(made).json
        made.process["args"] = ["/probe"]
        found = mounted_at(runtime.run(made).json["mountinfo"], "/mnt")
        made.mounts[-1]["options"].append("rw")
        result = runtime.run(made)
    finally:
        unmount(closed / "volume")
    assert told["/mnt/message"]["error"] == "EROFS" and {"ro", "nosuid"} <= found.options
    assert result.refused or runtime.name != "minirun", result


@pytest.mark.deviates("crun", "tells that it may not look")
def test_a_source_that_is_not_there_is_told(runtime, bundle, closed):
    made = enter(bundle(), "user")
    made.bind(closed / "no", "/mnt")
    result = runtime.run(made)
    assert result.refused and "no such file or directory" in result.stderr.lower(), result


def test_a_namespace_is_bound_by_its_file(runtime, bundle):
    """A link of /proc that is no path: the container's process follows it by itself."""
    made = enter(bundle("stat", "/mnt/ns"), "user")
    made.bind(f"/proc/{os.getpid()}/ns/net", "/mnt/ns")
    result = runtime.run(made)
    assert result.status == 0 or runtime.name != "minirun", result
