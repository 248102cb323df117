"""The image may hold any symlink. Whatever is looked up in it ends inside of it: nothing on the host changes.

Each test has a directory `outside` on the host, which the image's links lead to, by an absolute path or upwards. The
runtime may refuse such an image or take the path inside of it; either way `outside` stays as it was. Compare
CVE-2019-19921, CVE-2021-30465, CVE-2024-21626, CVE-2024-45310 and CVE-2025-31133.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys

import pytest

from kernel.kit.host import mounts, tree
from kernel.kit.outside import parse_mounts

pytestmark = pytest.mark.root

WAYS = ("absolute", "upwards")
DEV_LINK = pytest.mark.deviates("runc", "CVE-2026-41579: follows the image's /dev for nodes and links")


@pytest.fixture
def outside(place):
    """A directory of the host with something to steal and to spoil."""
    directory = place / "outside"
    (directory / "below").mkdir(parents=True)
    (directory / "secret").write_text("the host's secret")
    return directory


def lead_outside(made, path, outside, way):
    """A link in the image to `outside`: by its absolute path, or by more ".." than the image is deep."""
    made.link(path, outside if way == "absolute" else "../" * 12 + str(outside).lstrip("/"))


def run_safely(runtime, made, outside):
    """Runs the bundle. Whether that went well or was refused, the host's directory and mounts are as before."""
    before = tree(outside), mounts()
    result = runtime.run(made)
    assert (tree(outside), mounts()) == before
    assert result.status == 0 or result.refused, result
    return result


# ---- mount destinations


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("destination", ["/mnt", "/mnt/below", "/mnt/new/directory", "/mnt/../mnt/below"])
def test_a_mount_does_not_follow_a_link_out_of_the_image(runtime, bundle, outside, way, destination):
    made = bundle("write", f"{destination}/from-inside", "x")
    lead_outside(made, "mnt", outside, way)
    made.mount(destination)
    run_safely(runtime, made, outside)


@pytest.mark.parametrize("way", WAYS)
def test_the_mount_point_for_a_file_is_not_made_outside(runtime, bundle, place, outside, way):
    made = bundle()
    (place / "message").write_text("hello")
    lead_outside(made, "mnt", outside, way)
    made.bind(place / "message", "/mnt/new-file")
    run_safely(runtime, made, outside)


@pytest.mark.parametrize("way", WAYS)
def test_a_mount_point_that_is_itself_a_link_to_a_file_stays_inside(runtime, bundle, place, outside, way):
    made = bundle("write", "/etc/target", "spoiled")
    (place / "message").write_text("hello")
    lead_outside(made, "etc/target", outside / "secret", way)
    made.bind(place / "message", "/etc/target")
    run_safely(runtime, made, outside)
    assert (outside / "secret").read_text() == "the host's secret"


def test_a_link_that_an_earlier_mount_brings_along_stays_inside(runtime, bundle, place, outside):
    """CVE-2021-30465: the link is in a volume, and the next mount's destination lies below it."""
    made = bundle()
    (place / "volume").mkdir()
    (place / "volume/link").symlink_to(outside)
    made.bind(place / "volume", "/mnt")
    made.mount("/mnt/link/below")
    run_safely(runtime, made, outside)


@pytest.mark.parametrize("way", WAYS)
def test_tmpcopyup_does_not_copy_what_a_link_leads_to(runtime, bundle, outside, way):
    made = bundle("read", "/data/link/secret", "/data/file")
    made.directory("data")
    lead_outside(made, "data/link", outside, way)
    lead_outside(made, "data/file", outside / "secret", way)
    made.mount("/data", "tmpcopyup")
    result = run_safely(runtime, made, outside)
    assert "the host's secret" not in result.stdout


@pytest.mark.parametrize("way", WAYS)
def test_tmpcopyup_of_a_directory_that_is_a_link_does_not_read_outside(runtime, bundle, outside, way):
    made = bundle("read", "/data/secret")
    lead_outside(made, "data", outside, way)
    made.mount("/data", "tmpcopyup")
    assert "the host's secret" not in run_safely(runtime, made, outside).stdout


# ---- links that lead nowhere

NOWHERE = ("/srv/made/file", "../srv/made/file", "../../../../srv/made/file", "chain/1")
CRUN = pytest.mark.deviates("crun", "refuses a directory behind a link that leads nowhere")


def lead_nowhere(made, path, target):
    made.link(path, target)
    for number, end in (("1", "2"), ("2", "/srv/../srv/made/file")):
        made.directory("etc/chain")
        made.link(f"etc/chain/{number}", end)


@pytest.mark.parametrize("target", NOWHERE)
def test_a_file_is_bound_where_the_link_would_lead(runtime, bundle, place, outside, target):
    """An image whose /etc/localtime has gone, and -v /etc/localtime:/etc/localtime."""
    made = bundle("read", "/etc/file", "/srv/made/file")
    (place / "message").write_text("hello")
    lead_nowhere(made, "etc/file", target)
    made.bind(place / "message", "/etc/file")
    told = run_safely(runtime, made, outside).json
    assert told["/etc/file"]["text"] == told["/srv/made/file"]["text"] == "hello"
    assert os.readlink(made.rootfs / "etc/file") == target and (made.rootfs / "srv/made/file").is_file()


@CRUN
@pytest.mark.parametrize("target", NOWHERE)
@pytest.mark.parametrize("below", ["", "/and/below"])
def test_a_directory_is_made_where_the_link_would_lead(runtime, bundle, outside, target, below):
    made = bundle()
    lead_nowhere(made, "etc/file", target)
    made.mount(f"/etc/file{below}")
    points = {mount.point for mount in parse_mounts(run_safely(runtime, made, outside).json["mountinfo"])}
    assert f"/srv/made/file{below}" in points


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("below", ["", "/new/directory"])
def test_what_is_missing_outside_is_made_inside(runtime, bundle, outside, way, below):
    made = bundle()
    lead_outside(made, "mnt", outside / "new", way)
    made.mount(f"/mnt{below}")
    run_safely(runtime, made, outside)


@pytest.mark.deviates("runc", "follows 255 links")
@pytest.mark.parametrize("links", [{"a": "a"}, {"a": "b", "b": "/a"}, {str(n): str(n + 1) for n in range(60)}])
@pytest.mark.parametrize("below", ["", "/below"])
def test_links_in_a_circle_are_refused(runtime, bundle, outside, links, below):
    made = bundle()
    for name, target in links.items():
        made.link(name, target)
    made.mount(f"/{next(iter(links))}{below}")
    result = run_safely(runtime, made, outside)
    assert result.refused, result


@pytest.mark.only("minirun", "runc 1.1 has no way that is safe here: CVE-2024-45310")
@pytest.mark.parametrize("kind", ["file", "directory"])
def test_whoever_swaps_the_links_meanwhile_gets_nothing_made_outside(runtime, bundle, place, outside, kind):
    made = bundle()
    (place / "message").touch()
    for number in range(40):
        destination = f"/mnt/{number}/below/x"
        made.bind(place / "message", destination) if kind == "file" else made.mount(destination)
    with swapped([made.rootfs / "mnt" / str(number) for number in range(40)], outside / "new", outside):
        for _attempt in range(3):
            run_safely(runtime, made, outside)


@contextlib.contextmanager
def swapped(paths, *targets):
    """Another process makes each of the paths a link to each of the targets, and what it was before, without an end."""
    code = """if True:
        import os, sys
        count = int(sys.argv[1])
        paths, targets = sys.argv[2 : 2 + count], sys.argv[2 + count :]

        def attempt(deed, *words):
            try:
                deed(*words)
            except OSError:
                pass

        while True:
            for path in paths:
                for target in targets:
                    attempt(os.rename, path, path + ".was")
                    attempt(os.symlink, target, path)
                    attempt(os.unlink, path)
                    attempt(os.rename, path + ".was", path)
    """
    words = [sys.executable, "-c", code, str(len(paths)), *map(str, paths), *map(str, targets)]
    with subprocess.Popen(words, stderr=subprocess.DEVNULL) as process:
        try:
            yield
            assert process.poll() is None, "it goes on to the end"
        finally:
            process.kill()


# ---- what is of the other kind


@pytest.mark.parametrize("source", ["file", "directory"])
@pytest.mark.parametrize("namespace", ["none", "user"])
def test_a_file_and_a_directory_are_not_mounted_on_each_other(runtime, bundle, place, outside, source, namespace):
    made = bundle()
    if namespace == "user":
        made.user_namespace()
    (place / "file").touch()
    made.directory("etc/directory")
    made.file("etc/file")
    if source == "file":
        made.bind(place / "file", "/etc/directory")
    else:
        made.bind(outside, "/etc/file")
    result = run_safely(runtime, made, outside)
    assert result.refused and "not a directory" in result.stderr.lower() and "namespace" not in result.stderr, result


@pytest.mark.parametrize("destination", ["/etc/file", "/etc/file/below", "/etc/file/below/more"])
def test_no_file_system_is_mounted_on_a_file(runtime, bundle, outside, destination):
    made = bundle()
    made.file("etc/file")
    made.mount(destination)
    result = run_safely(runtime, made, outside)
    assert result.refused and "not a directory" in result.stderr and "namespace" not in result.stderr, result


# ---- /proc, /sys and /dev

ORDINARY = "must be mounted on ordinary directory"  # callers look for these words


@pytest.mark.parametrize("name", ["proc", "sys"])
@pytest.mark.parametrize("target", ["tmp", "/tmp", "../../../../tmp"])
def test_proc_and_sys_are_only_mounted_on_real_directories(runtime, bundle, name, target):
    """CVE-2019-19921: with /proc elsewhere, later writes to it would go to files of the image."""
    made = bundle()
    made.link(name, target)
    result = runtime.run(made)
    assert result.refused and ORDINARY in result.stderr, result


ON_THE_WAY = pytest.mark.deviates("runc", "1.1 follows a symlink on the way")


@pytest.mark.parametrize(
    "destination", ["/etc/file", "/etc/nowhere", "/etc/link", pytest.param("/etc/up/proc", marks=ON_THE_WAY)]
)
def test_nor_on_what_is_no_directory(runtime, bundle, destination):
    made = bundle()
    made.file("etc/file")
    made.directory("mnt/proc")
    for name, target in (("nowhere", "no"), ("link", "/mnt/proc"), ("up", "../mnt")):
        made.link(f"etc/{name}", target)
    made.mount(destination, kind="proc", source="proc")
    result = runtime.run(made)
    assert result.refused and ORDINARY in result.stderr, result


@DEV_LINK
@pytest.mark.parametrize("way", WAYS)
def test_no_device_is_made_outside_when_dev_is_a_link(runtime, bundle, outside, way):
    made = bundle()
    made.without_mount("/dev")
    lead_outside(made, "dev", outside, way)
    run_safely(runtime, made, outside)


@DEV_LINK
@pytest.mark.parametrize("way", WAYS)
def test_no_file_system_is_mounted_outside_when_dev_is_a_link(runtime, bundle, outside, way):
    made = bundle()
    lead_outside(made, "dev", outside, way)
    run_safely(runtime, made, outside)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("path", ["/mnt/node", "/mnt/new/node", "/mnt/below/node", "/mnt/secret"])
def test_a_device_is_not_made_outside(runtime, bundle, outside, way, path):
    made = bundle()
    lead_outside(made, "mnt", outside, way)
    made.linux["devices"] = [{"path": path, "type": "c", "major": 1, "minor": 3, "fileMode": 0o666, "uid": 3, "gid": 3}]
    run_safely(runtime, made, outside)


@pytest.mark.parametrize("way", WAYS)
def test_a_device_does_not_change_the_file_that_a_link_in_its_place_leads_to(runtime, bundle, outside, way):
    made = bundle()
    lead_outside(made, "etc/node", outside / "secret", way)
    made.linux["devices"] = [
        {"path": "/etc/node", "type": "c", "major": 1, "minor": 3, "fileMode": 0o600, "uid": 9, "gid": 9}
    ]
    run_safely(runtime, made, outside)


def test_the_links_of_dev_do_not_replace_what_a_directory_leads_to(runtime, bundle, outside):
    made = bundle()
    made.without_mount("/dev")
    for name in ("fd", "stdin", "ptmx"):
        made.link(f"dev/{name}", outside)
    run_safely(runtime, made, outside)


# ---- masked and read-only paths


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("key", ["maskedPaths", "readonlyPaths"])
@pytest.mark.parametrize("path", ["/mnt", "/mnt/secret", "/mnt/below", "/etc/link"])
def test_paths_to_protect_are_looked_up_inside(runtime, bundle, outside, way, key, path):
    made = bundle("read", "/mnt/secret")
    lead_outside(made, "mnt", outside, way)
    lead_outside(made, "etc/link", outside / "secret", way)
    made.linux[key] = [path]
    assert "the host's secret" not in run_safely(runtime, made, outside).stdout
    (outside / "below/file").write_text("the host can still write here")


@pytest.mark.deviates("runc", "CVE-2025-31133: binds whatever stands at /dev/null over a masked path")
def test_a_masked_file_is_masked_although_the_image_has_a_false_dev_null(runtime, bundle):
    made = bundle("read", "/etc/hidden")
    made.without_mount("/dev")
    made.file("etc/hidden", "to be hidden")
    made.file("etc/bait", "not empty")
    made.link("dev/null", "/etc/bait")
    made.linux["maskedPaths"] = ["/etc/hidden"]
    result = runtime.run(made)
    assert result.refused or result.json["/etc/hidden"] == {"error": "", "text": ""}


# ---- cwd and program


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("cwd", ["/mnt", "/mnt/below", "/mnt/new/directory"])
def test_the_working_directory_is_inside(runtime, bundle, place, outside, way, cwd):
    made = bundle()
    lead_outside(made, "mnt", outside, way)
    made.process["cwd"] = cwd
    result = run_safely(runtime, made, outside)
    assert result.refused or result.json["cwd"].startswith("/")


def test_no_working_directory_behind_a_descriptor_of_the_runtime(runtime, bundle):
    """CVE-2024-21626: a directory of the host that the runtime has open, by way of /proc/self/fd."""
    made = bundle()
    for number in range(3, 14):
        made.process["cwd"] = f"/proc/self/fd/{number}"
        result = runtime.run(made)
        assert result.refused or result.json["cwd"].startswith("/"), f"descriptor {number}: {result}"


def test_no_working_directory_behind_a_link_to_a_descriptor_of_the_runtime(runtime, bundle):
    made = bundle()
    for number in range(3, 14):
        made.link(f"mnt/{number}", f"/proc/self/fd/{number}")
        made.process["cwd"] = f"/mnt/{number}"
        result = runtime.run(made)
        assert result.refused or result.json["cwd"].startswith("/"), f"descriptor {number}: {result}"


@pytest.mark.parametrize("way", WAYS)
def test_the_program_is_looked_up_inside(runtime, bundle, outside, probe, way):
    made = bundle()
    lead_outside(made, "mnt", outside, way)
    made.process["args"] = ["/mnt/secret"]
    assert run_safely(runtime, made, outside).refused


# ---- root.path


def test_the_roots_own_parent_is_itself(runtime, bundle):
    made = bundle("stat", "/..", "/../../../../probe")
    told = runtime.run(made).json
    assert told["/../../../../probe"]["size"] == os.stat(made.rootfs / "probe").st_size
