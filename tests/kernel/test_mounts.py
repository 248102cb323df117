"""config.md#mounts: what is mounted, where, and with which options. See mount(8) for the options' names."""

from __future__ import annotations

import os

import pytest

from kernel.kit.helpers import mount, mount_tree, shared_mount
from kernel.kit.outside import cgroup2_root, mounted_at, parse_mounts

pytestmark = pytest.mark.root

NO_DEFAULTS = pytest.mark.deviates("runc", "hands `defaults` to the file system, which does not know it")


# ---- options of a new mount

# options, what the mount must have, what it must not have (in either of mountinfo's two lists of options)
TMPFS_OPTIONS = [
    ([], {"rw"}, {"nosuid", "nodev", "noexec"}),
    (["ro"], {"ro"}, {"rw"}),
    (["ro", "rw"], {"rw"}, {"ro"}),
    (["rw", "ro"], {"ro"}, {"rw"}),
    (["nosuid"], {"nosuid"}, set()),
    (["nosuid", "suid"], set(), {"nosuid"}),
    (["nodev"], {"nodev"}, set()),
    (["nodev", "dev"], set(), {"nodev"}),
    (["noexec"], {"noexec"}, set()),
    (["noexec", "exec"], set(), {"noexec"}),
    (["sync"], {"sync"}, set()),
    (["sync", "async"], set(), {"sync"}),
    (["dirsync"], {"dirsync"}, set()),
    (["noatime"], {"noatime"}, {"relatime"}),
    (["noatime", "atime"], {"relatime"}, {"noatime"}),
    (["nodiratime"], {"nodiratime"}, set()),
    (["nodiratime", "diratime"], set(), {"nodiratime"}),
    (["relatime"], {"relatime"}, {"noatime"}),
    (["relatime", "norelatime"], {"relatime"}, set()),  # the kernel's default all the same: mount(8)
    (["strictatime"], set(), {"relatime", "noatime"}),
    (["strictatime", "nostrictatime"], {"relatime"}, set()),
    (["lazytime"], {"lazytime"}, set()),
    (["lazytime", "nolazytime"], set(), {"lazytime"}),
    (["nosymfollow"], {"nosymfollow"}, set()),
    (["nosymfollow", "symfollow"], set(), {"nosymfollow"}),
    (["iversion"], set(), set()),
    (["iversion", "noiversion"], set(), set()),
    (["silent"], set(), set()),
    (["silent", "loud"], set(), set()),
    (["mand", "nomand"], set(), {"mand"}),
    pytest.param(["defaults"], {"rw", "relatime"}, set(), marks=NO_DEFAULTS),
    (["nosuid", "nodev", "noexec", "ro", "noatime"], {"nosuid", "nodev", "noexec", "ro", "noatime"}, set()),
    (["size=64k", "mode=700", "nr_inodes=10"], {"size=64k", "mode=700", "nr_inodes=10"}, set()),
    (["noexec", "size=64k", "ro", "mode=711"], {"noexec", "size=64k", "ro", "mode=711"}, set()),
]


@pytest.mark.parametrize(("options", "present", "absent"), TMPFS_OPTIONS, ids=lambda value: ",".join(value) or "none")
def test_options_are_applied_to_a_new_mount(runtime, bundle, options, present, absent):
    made = bundle()
    made.mount("/mnt", *options)
    found = mounted_at(runtime.run(made).json["mountinfo"], "/mnt")
    assert found.type == "tmpfs"
    # The second list says "rw" of the whole file system even where this mount of it is read-only.
    visible = found.options | (found.super_options - {"ro", "rw"})
    assert present <= visible
    assert not absent & visible


def test_an_option_that_the_file_system_does_not_know_is_refused(runtime, bundle):
    made = bundle()
    made.mount("/mnt", "flavour=salty")
    assert runtime.run(made).refused


def test_an_unknown_file_system_is_refused(runtime, bundle):
    made = bundle()
    made.mount("/mnt", kind="flavourfs")
    assert runtime.run(made).refused


def test_remount_changes_a_mount(runtime, bundle):
    made = bundle()
    made.mount("/mnt", "nosuid", "size=64k")
    made.mount("/mnt", "remount", "nosuid", "ro", "size=128k")
    found = mounted_at(runtime.run(made).json["mountinfo"], "/mnt")
    assert {"ro", "nosuid", "size=128k"} <= found.options | found.super_options


def test_mounts_are_made_in_the_order_of_the_list(runtime, bundle):
    made = bundle("list", "/mnt", "/mnt/below")
    made.file("mnt/hidden")
    made.mount("/mnt", "size=64k")
    made.mount("/mnt/below", "size=64k")
    assert runtime.run(made).json == {"/mnt": ["below"], "/mnt/below": []}


# ---- where


@pytest.mark.parametrize("destination", ["/new/deep/directory", "/mnt", "relative/place", "/tmp/../tmp/./place"])
def test_a_mount_point_is_made_if_it_is_missing(runtime, bundle, destination):
    """config.md#mounts: a relative destination is relative to "/"."""
    made = bundle()
    made.mount(destination)
    mounted_at(runtime.run(made).json["mountinfo"], os.path.normpath("/" + destination.lstrip("/")))


def test_a_missing_mount_point_for_a_file_is_made_as_a_file(runtime, bundle, place):
    made = bundle("read", "/new/deep/file")
    (place / "message").write_text("from outside")
    made.bind(place / "message", "/new/deep/file")
    assert runtime.run(made).json["/new/deep/file"]["text"] == "from outside"


@pytest.mark.deviates("runc", "the caller's umask takes permissions away")
def test_made_mount_points_can_be_searched_by_all(runtime, bundle):
    made = bundle("stat", "/new", "/new/deep")
    made.mount("/new/deep/directory")
    told = runtime.run(made, umask=0o077).json
    assert told["/new"]["mode"] & 0o755 == told["/new/deep"]["mode"] & 0o755 == 0o755


# ---- bind


def test_a_bind_mount_shows_a_directory_of_the_host(runtime, bundle, place):
    made = bundle("read", "/mnt/message")
    (place / "outside").mkdir()
    (place / "outside/message").write_text("hello")
    made.bind(place / "outside", "/mnt")
    assert runtime.run(made).json["/mnt/message"]["text"] == "hello"


def test_what_the_container_writes_to_a_bind_mount_is_on_the_host(runtime, bundle, place):
    made = bundle("write", "/mnt/message", "from inside")
    (place / "outside").mkdir()
    made.bind(place / "outside", "/mnt")
    assert runtime.run(made).json["/mnt/message"]["error"] == ""
    assert (place / "outside/message").read_text() == "from inside"


def test_a_relative_bind_source_is_relative_to_the_bundle(runtime, bundle, place):
    made = bundle("read", "/mnt/message")
    (made.path / "data").mkdir()
    (made.path / "data/message").write_text("from the bundle")
    made.bind("data", "/mnt")
    assert runtime.run(made, cwd=place).json["/mnt/message"]["text"] == "from the bundle"


@pytest.mark.parametrize("options", [["bind"], ["rbind"], ["bind", "ro"]])
def test_a_bind_source_that_does_not_exist_is_refused(runtime, bundle, place, options):
    made = bundle()
    made.bind(place / "missing", "/mnt", *options)
    assert runtime.run(made).refused
    assert not (place / "missing").exists()


def test_the_type_bind_is_taken_as_the_option(runtime, bundle, place):
    made = bundle("read", "/mnt/message")
    (place / "outside").mkdir()
    (place / "outside/message").write_text("hello")
    made.mount("/mnt", "bind", kind="bind", source=place / "outside")
    assert runtime.run(made).json["/mnt/message"]["text"] == "hello"


@pytest.mark.parametrize("kind", ["directory", "file"])
@pytest.mark.parametrize("option", ["ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime", "nosymfollow"])
def test_options_are_applied_to_a_bind_mount(runtime, bundle, place, kind, option):
    """mount(2): MS_BIND ignores all other flags, so they need a second call."""
    made = bundle()
    source = place / "outside"
    source.mkdir() if kind == "directory" else source.write_text("")
    made.bind(source, "/mnt/here", option)
    assert option in mounted_at(runtime.run(made).json["mountinfo"], "/mnt/here").options


def test_the_host_keeps_its_options(runtime, bundle, place):
    made = bundle()
    (place / "outside").mkdir()
    made.bind(place / "outside", "/mnt", "ro", "noexec")
    runtime.run(made).json  # noqa: B018 -- expects success
    (place / "outside/file").write_text("still writable")


@pytest.mark.parametrize("kind", ["directory", "file"])
def test_nothing_can_be_written_to_a_read_only_bind_mount(runtime, bundle, place, kind):
    made = bundle("write", "/mnt/here/file" if kind == "directory" else "/mnt/here", "x")
    source = place / "outside"
    source.mkdir() if kind == "directory" else source.write_text("")
    made.bind(source, "/mnt/here", "ro")
    assert {answer["error"] for answer in runtime.run(made).json.values()} == {"EROFS"}


def test_no_program_of_a_noexec_bind_mount_can_be_run(runtime, bundle, place, probe):
    made = bundle()
    made.process["args"] = ["/mnt/probe"]
    (place / "outside").mkdir()
    os.link(probe, place / "outside/probe")
    made.bind(place / "outside", "/mnt")
    assert runtime.run(made).status == 0
    made.mounts[-1]["options"].append("noexec")
    assert runtime.run(made).refused


def test_no_device_of_a_nodev_bind_mount_can_be_opened(runtime, bundle, place):
    made = bundle("mknod", "/mnt/null", "c", "1", "3")
    (place / "outside").mkdir()
    made.bind(place / "outside", "/mnt")
    assert runtime.run(made).json["read"] == ""
    made.mounts[-1]["options"].append("nodev")
    assert runtime.run(made).json["read"] == "EACCES"


@pytest.mark.parametrize(
    ("option", "cleared"),
    [("rw", "ro"), ("suid", "nosuid"), ("dev", "nodev"), ("exec", "noexec"), ("atime", "noatime")],
)
@pytest.mark.deviates("runc", "1.1 makes the second call for options that set something only")
def test_a_bind_mount_can_lose_an_option_of_its_source(runtime, bundle, place, option, cleared):
    made = bundle()
    with mount_tree(place / "outside") as source:
        mount("-o", "remount,bind,ro,nosuid,nodev,noexec,noatime", source)
        made.bind(source, "/mnt", option)
        found = mounted_at(runtime.run(made).json["mountinfo"], "/mnt")
        assert cleared not in found.options
        assert {"ro", "nosuid", "nodev", "noexec", "noatime"} - {cleared} <= found.options


def test_a_bind_mount_without_options_keeps_those_of_its_source(runtime, bundle, place):
    made = bundle()
    with mount_tree(place / "outside") as source:
        mount("-o", "remount,bind,ro,nosuid,nodev", source)
        made.bind(source, "/mnt")
        assert {"ro", "nosuid", "nodev"} <= mounted_at(runtime.run(made).json["mountinfo"], "/mnt").options


@pytest.mark.deviates("runc", "drops what is not named: the host's ro, too")
@pytest.mark.deviates("crun", "likewise")
@pytest.mark.parametrize("kind", ["directory", "file"])
@pytest.mark.parametrize("option", ["nosuid", "exec", "noatime", "rnosymfollow", "private"])
def test_with_some_options_it_keeps_the_others_of_its_source(runtime, bundle, place, kind, option):
    """What the host has put on a mount protects the host: config.json has to say which of it is to go."""
    made = bundle()
    with mount_tree(place / "outside") as source:
        (source / "file").touch()
        mount("-o", "remount,bind,ro,nosuid,noexec", source)
        made.bind(source / "file" if kind == "file" else source, "/mnt/here", option)
        found = mounted_at(runtime.run(made).json["mountinfo"], "/mnt/here").options
    assert {"ro", "nosuid", "noexec"} - found == ({"noexec"} if option == "exec" else set())


@pytest.mark.parametrize(("option", "points"), [("bind", ["/mnt"]), ("rbind", ["/mnt", "/mnt/sub"])])
def test_only_rbind_takes_the_mounts_below_along(runtime, bundle, place, option, points):
    made = bundle()
    with mount_tree(place / "outside") as source:
        made.bind(source, "/mnt", option)
        found = [entry.point for entry in parse_mounts(runtime.run(made).json["mountinfo"])]
    assert [point for point in found if point.startswith("/mnt")] == points


# ---- options for a whole tree (mount_setattr(2), AT_RECURSIVE)

NO_ATIME_CLEARING = pytest.mark.deviates("runc", "clears a single bit of what is a number, which the kernel refuses")


@pytest.mark.parametrize(
    ("option", "present"),
    [
        ("rro", "ro"),
        ("rnosuid", "nosuid"),
        ("rnodev", "nodev"),
        ("rnoexec", "noexec"),
        ("rnodiratime", "nodiratime"),
        ("rnoatime", "noatime"),
        ("rrelatime", "relatime"),
        ("rnosymfollow", "nosymfollow"),
    ],
)
def test_an_option_with_r_is_set_on_the_whole_tree(runtime, bundle, place, option, present):
    made = bundle()
    with mount_tree(place / "outside") as source:
        made.bind(source, "/mnt", "rbind", option)
        lines = runtime.run(made).json["mountinfo"]
    assert present in mounted_at(lines, "/mnt").options
    assert present in mounted_at(lines, "/mnt/sub").options


@pytest.mark.parametrize(
    ("option", "before", "absent"),
    [
        ("rrw", "ro", "ro"),
        ("rsuid", "nosuid", "nosuid"),
        ("rdev", "nodev", "nodev"),
        ("rexec", "noexec", "noexec"),
        ("rdiratime", "nodiratime", "nodiratime"),
        pytest.param("ratime", "noatime", "noatime", marks=NO_ATIME_CLEARING),
        ("rstrictatime", "noatime", "noatime"),
        ("rnorelatime", "relatime", "norelatime"),  # the kernel's default is relatime: only that it is taken counts
        pytest.param("rnostrictatime", "strictatime", "strictatime", marks=NO_ATIME_CLEARING),
        ("rsymfollow", "nosymfollow", "nosymfollow"),
    ],
)
def test_an_option_with_r_is_cleared_on_the_whole_tree(runtime, bundle, place, option, before, absent):
    made = bundle()
    with mount_tree(place / "outside") as source:
        for point in (source, source / "sub"):
            mount("-o", f"remount,bind,{before}", point)
        made.bind(source, "/mnt", "rbind", option)
        lines = runtime.run(made).json["mountinfo"]
    assert absent not in mounted_at(lines, "/mnt").options
    assert absent not in mounted_at(lines, "/mnt/sub").options


def test_a_plain_ro_leaves_the_mounts_below_as_they_are(runtime, bundle, place):
    made = bundle()
    with mount_tree(place / "outside") as source:
        made.bind(source, "/mnt", "rbind", "ro")
        lines = runtime.run(made).json["mountinfo"]
    assert "ro" in mounted_at(lines, "/mnt").options
    assert "rw" in mounted_at(lines, "/mnt/sub").options


# ---- propagation (mount_namespaces(7))


@pytest.mark.parametrize("option", ["shared", "slave", "private", "unbindable"])
@pytest.mark.parametrize("recursive", ["", "r"])
def test_propagation_options_are_applied(runtime, bundle, place, option, recursive):
    made = bundle()
    with shared_mount(place / "outside") as source:
        made.bind(source, "/mnt", "rbind", recursive + option)
        words = {word.partition(":")[0] for word in mounted_at(runtime.run(made).json["mountinfo"], "/mnt").propagation}
    expected = {"shared": {"shared"}, "slave": {"master"}, "private": set(), "unbindable": {"unbindable"}}[option]
    assert words - ({"master"} if option == "shared" else set()) == expected


def test_a_propagation_option_reaches_the_mounts_below_with_r_only(runtime, bundle, place):
    for option, expected in (("shared", set()), ("rshared", {"shared"})):
        made = bundle(name=option)
        with mount_tree(place / "outside") as source:
            made.bind(source, "/mnt", "rbind", option)
            below = mounted_at(runtime.run(made).json["mountinfo"], "/mnt/sub")
        assert {word.partition(":")[0] for word in below.propagation} == expected


def test_propagation_options_go_with_other_options(runtime, bundle, place):
    made = bundle()
    with shared_mount(place / "outside") as source:
        made.bind(source, "/mnt", "private", "ro", "nosuid")
        found = mounted_at(runtime.run(made).json["mountinfo"], "/mnt")
    assert found.propagation == ()
    assert {"ro", "nosuid"} <= found.options


def test_a_mount_point_that_roots_substitute_may_not_enter(runtime, bundle):
    """A directory whose owner is not mapped: nobody inside may search it, and what is mounted there covers it."""
    made = bundle("list", "/etc/closed")
    made.user_namespace()
    made.directory("etc/closed").chmod(0o700)
    made.mount("/etc/closed", "ro")
    assert runtime.run(made).json == {"/etc/closed": []}


# ---- a tmpfs over a directory

RUNC_MODE = pytest.mark.deviates("runc", "leaves the owner to be root")
CRUN_OWNER = pytest.mark.deviates("crun", "before 1.11 the mode, too, is that of a tmpfs for all")


def looks(told):
    return told["mode"], told["uid"], told["gid"]


def directory(made, path, mode, uid=0, gid=0):
    found = made.directory(path)
    os.chown(found, uid, gid)
    found.chmod(mode)


@RUNC_MODE
@CRUN_OWNER
@pytest.mark.parametrize("mode", [0o700, 0o1777, 0o2750, 0o5])
@pytest.mark.parametrize("options", [[], ["size=64k"], ["ro", "nosuid"]])
def test_a_tmpfs_takes_over_how_the_directory_looks(runtime, bundle, mode, options):
    made = bundle("stat", "/etc/there")
    directory(made, "etc/there", mode, 1000, 2000)
    made.mount("/link", *options)
    made.link("link", "etc/there")
    assert looks(runtime.run(made).json["/etc/there"]) == (mode, 1000, 2000)


@CRUN_OWNER
@pytest.mark.parametrize("mode", [0o700, 0o1777])
def test_a_tmpfs_takes_over_the_mode(runtime, bundle, mode):
    made = bundle("stat", "/etc/there")
    directory(made, "etc/there", mode)
    made.mount("/etc/there")
    assert looks(runtime.run(made).json["/etc/there"]) == (mode, 0, 0)


@pytest.mark.deviates("runc", "leaves the owner to be root")
@pytest.mark.deviates("crun", "likewise")
def test_an_owner_that_is_named_counts(runtime, bundle):
    made = bundle("stat", "/etc/there")
    directory(made, "etc/there", 0o700, 1000, 2000)
    made.mount("/etc/there", "uid=7")
    assert looks(runtime.run(made).json["/etc/there"]) == (0o700, 7, 2000)


@pytest.mark.deviates("runc", "up to 1.1.7 the directory's mode counts")
def test_a_tmpfs_with_a_mode_is_as_it_says(runtime, bundle):
    made = bundle("stat", "/etc/there")
    directory(made, "etc/there", 0o700, 1000, 2000)
    made.mount("/etc/there", "mode=711", "gid=5")
    assert looks(runtime.run(made).json["/etc/there"]) == (0o711, 0, 5)


def test_a_tmpfs_where_nothing_was_is_for_all(runtime, bundle):
    made = bundle("stat", "/etc/new")
    made.mount("/etc/new")
    assert looks(runtime.run(made).json["/etc/new"]) == (0o1777, 0, 0)


@pytest.mark.parametrize("size", [1000, 65536])
@CRUN_OWNER
def test_in_a_user_namespace_what_is_nobodys_is_roots(runtime, bundle, size):
    """The directory is the host's root's, who has no id in there."""
    made = bundle("stat", "/etc/there")
    made.user_namespace(size=size)
    directory(made, "etc/there", 0o755)
    made.mount("/etc/there")
    made.without_mount("/dev/pts")
    assert looks(runtime.run(made).json["/etc/there"]) == (0o755, 0, 0)


@RUNC_MODE
@CRUN_OWNER
def test_in_a_user_namespace_it_is_the_user_inside(runtime, bundle):
    made = bundle("stat", "/etc/there")
    made.user_namespace()
    directory(made, "etc/there", 0o750, 100007, 100008)
    made.mount("/etc/there")
    assert looks(runtime.run(made).json["/etc/there"]) == (0o750, 7, 8)


# ---- read-only, with something in it

RUNC_1_1 = pytest.mark.deviates("runc", "1.1 does it for /dev only")


def test_a_read_only_dev_has_its_devices(runtime, bundle):
    made = bundle("stat", "/dev/null", "/dev/fd", "/dev/ptmx", "/dev/pts/ptmx", "/dev/own", "/dev/shm")
    made.mounts[1]["options"].append("ro")
    made.linux["devices"] = [{"path": "/dev/own", "type": "c", "major": 1, "minor": 3}]
    assert all(told["type"] for told in runtime.run(made).json.values())
    made.process["args"] = ["/probe", "write", "/dev/new", "x"]
    assert runtime.run(made).json["/dev/new"]["error"] == "EROFS"


@RUNC_1_1
@pytest.mark.parametrize("options", [["ro"], ["tmpcopyup", "ro"], ["rro"]])
@pytest.mark.parametrize("destination", ["/run", "/sys", "/new/place", "/mnt/../run"])
def test_places_are_made_in_a_tmpfs_before_it_is_read_only(runtime, bundle, place, destination, options):
    made = bundle()
    (place / "file").touch()
    made.without_mount("/sys")
    made.mount(destination, *options)
    made.bind(place / "file", f"{destination}/a/file")
    made.mount(f"{destination}/b/directory")
    made.process["cwd"] = f"{destination}/c"
    told = runtime.run(made).json
    point = os.path.normpath(destination)
    assert "ro" in mounted_at(told["mountinfo"], point).options
    assert "rw" in mounted_at(told["mountinfo"], f"{point}/b/directory").options
    assert mounted_at(told["mountinfo"], f"{point}/a/file") and told["cwd"] == f"{point}/c"


@RUNC_1_1
def test_a_read_only_tmpfs_may_be_reached_by_a_link(runtime, bundle):
    made = bundle()
    made.link("var", "/run")
    made.mount("/run", "ro")
    made.mount("/var/lock")
    told = runtime.run(made).json["mountinfo"]
    assert "ro" in mounted_at(told, "/run").options and mounted_at(told, "/run/lock")


@pytest.mark.deviates("runc", "makes what is on top read-only")
def test_a_later_mount_on_a_read_only_one_stays_as_it_is(runtime, bundle):
    made = bundle("write", "/mnt/file", "x")
    made.mount("/mnt", "ro")
    made.mount("/mnt")
    assert runtime.run(made).json["/mnt/file"]["error"] == ""


@pytest.mark.deviates("runc", "1.1 has forgotten the remount by then")
def test_a_later_remount_has_the_last_word(runtime, bundle):
    made = bundle("write", "/mnt/file", "x")
    made.mount("/mnt", "ro")
    made.mount("/mnt", "remount", "rw")
    assert runtime.run(made).json["/mnt/file"]["error"] == ""


def test_what_is_bound_read_only_is_not_written_to(runtime, bundle, place):
    """Not even a mount point is made in it."""
    (place / "volume").mkdir()
    made = bundle()
    made.bind(place / "volume", "/mnt", "ro")
    made.mount("/mnt/below")
    result = runtime.run(made)
    assert result.refused and "read-only" in result.stderr, result
    assert not list((place / "volume").iterdir())


# ---- tmpcopyup


def test_tmpcopyup_fills_a_tmpfs_with_what_it_hides(runtime, bundle):
    made = bundle("read", "/data/file", "/data/deep/file")
    made.file("data/file", "one", 0o640)
    made.file("data/deep/file", "two")
    made.mount("/data", "tmpcopyup")
    told = runtime.run(made).json
    assert (told["/data/file"]["text"], told["/data/deep/file"]["text"]) == ("one", "two")


def test_tmpcopyup_keeps_modes_owners_and_links(runtime, bundle):
    made = bundle("stat", "/data/file", "/data/link", "/data/deep")
    os.chown(made.file("data/file", "one", 0o4751), 11, 12)
    os.chmod(made.file("data/file", "one", 0o4751), 0o4751)
    made.directory("data/deep").chmod(0o1711)
    made.link("data/link", "/nowhere")
    made.mount("/data", "tmpcopyup")
    told = runtime.run(made).json
    assert (told["/data/file"]["mode"], told["/data/file"]["uid"], told["/data/file"]["gid"]) == (0o4751, 11, 12)
    assert told["/data/deep"]["mode"] == 0o1711
    assert told["/data/link"]["target"] == "/nowhere"


def test_what_is_written_over_tmpcopyup_does_not_reach_the_root_file_system(runtime, bundle):
    made = bundle("write", "/data/file", "new")
    made.file("data/file", "old")
    made.mount("/data", "tmpcopyup")
    assert runtime.run(made).json["/data/file"]["error"] == ""
    assert (made.rootfs / "data/file").read_text() == "old"


# ---- the file systems of the kernel


@pytest.mark.parametrize(
    ("point", "kind"), [("/proc", "proc"), ("/sys", "sysfs"), ("/dev/pts", "devpts"), ("/dev/mqueue", "mqueue")]
)
def test_the_usual_file_systems_are_mounted(runtime, bundle, point, kind):
    assert mounted_at(runtime.run(bundle()).json["mountinfo"], point).type == kind


@pytest.mark.deviates("runc", "takes version 1 where both versions are mounted")
def test_a_cgroup_mount_shows_the_containers_cgroup(runtime, bundle):
    """config-linux.md#control-groups"""
    made = bundle()
    made.namespace("cgroup")
    made.mount("/sys/fs/cgroup", "nosuid", "noexec", "nodev", "ro", kind="cgroup", source="cgroup")
    found = mounted_at(runtime.run(made).json["mountinfo"], "/sys/fs/cgroup")
    assert found.type == "cgroup2"
    assert {"ro", "nosuid", "nodev", "noexec"} <= found.options


@pytest.mark.deviates("runc", "takes version 1 where both versions are mounted")
def test_a_cgroup_mount_may_cover_the_hosts(runtime, bundle):
    """It does where a container gets all of the host's /sys first, as in a config.json for rootless containers."""
    made = bundle()
    made.namespace("cgroup")
    made.bind(cgroup2_root(), "/sys/fs/cgroup")
    made.mount("/sys/fs/cgroup", "ro", kind="cgroup", source="cgroup")
    found = mounted_at(runtime.run(made).json["mountinfo"], "/sys/fs/cgroup")
    assert found.type == "cgroup2"
    assert "ro" in found.options


# ---- hardening


@pytest.mark.parametrize("destination", ["/proc/self", "/proc/sys", "/proc/bus"])
def test_nothing_is_mounted_inside_proc(runtime, bundle, place, destination):
    """It would hide from the runtime and from the container's processes what the kernel has to say."""
    made = bundle()
    (place / "outside").mkdir()
    made.bind(place / "outside", destination)
    assert runtime.run(made).refused


def test_a_file_such_as_proc_uptime_may_be_covered(runtime, bundle, place):
    made = bundle("read", "/proc/uptime")
    (place / "uptime").write_text("1.00 1.00\n")
    made.bind(place / "uptime", "/proc/uptime")
    assert runtime.run(made).json["/proc/uptime"]["text"] == "1.00 1.00\n"


@pytest.mark.deviates("runc", "makes the mount point first")
def test_a_remount_makes_nothing_where_there_is_nothing(runtime, bundle):
    made = bundle("exit", "0")
    made.mount("/tmp/typo", "remount", "ro")
    assert runtime.run(made).refused
    assert not (made.rootfs / "tmp" / "typo").exists()
