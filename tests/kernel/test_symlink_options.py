"""crun's options of a bind mount for symlinks: copy-symlink makes one that is like the source, src-nofollow binds the
symlink itself, dest-nofollow mounts on it. (crun has the first since 1.5 and the others since 1.9.)"""

from __future__ import annotations

import os

import pytest

from kernel.kit.host import mounts, tree

pytestmark = [pytest.mark.root, pytest.mark.only("minirun", "crun has them all since 1.9, runc has none")]

NAMESPACES = pytest.mark.parametrize("namespace", ["none", "user"])
TARGETS = pytest.mark.parametrize("target", ["file", "/etc/of-the-image", "../../../nowhere"])


@pytest.fixture
def outside(place):
    """A directory of the host that only root can enter."""
    directory = place / "outside"
    directory.mkdir(0o700)
    (directory / "file").write_text("the host's")
    return directory


@pytest.fixture
def made(bundle, namespace):
    """A container with a file, and a symlink that leads nowhere."""
    made = bundle("stat", "/etc/here", "/etc/link", "/srv/nowhere")
    made.file("etc/of-the-image", "the image's")
    made.link("etc/link", "/srv/nowhere")
    if namespace == "user":
        made.user_namespace()
        for path in (made.rootfs, *made.rootfs.rglob("*")):
            os.lchown(path, 100000, 100000)
    return made


def run(runtime, made, outside):
    before = tree(outside), mounts()
    result = runtime.run(made)
    assert (tree(outside), mounts()) == before
    return result


def links(runtime, made, outside):
    """What is a symlink in the container, and where each leads to."""
    told = run(runtime, made, outside).json
    return {path: entry.get("target") for path, entry in told.items() if "target" in entry}


# ---- copy-symlink


@NAMESPACES
@TARGETS
def test_a_symlink_is_copied(runtime, made, outside, target):
    (outside / "link").symlink_to(target)
    made.bind(outside / "link", "/etc/here", "copy-symlink")
    assert links(runtime, made, outside)["/etc/here"] == target
    assert os.readlink(made.rootfs / "etc/here") == target


@NAMESPACES
def test_its_parents_are_made_inside_whatever_links_there_are(runtime, made, outside):
    (outside / "link").symlink_to("file")
    made.link("up", "../" * 12 + str(outside / "new"))
    made.bind(outside / "link", "/up/deep/link", "copy-symlink")
    assert run(runtime, made, outside).status == 0
    assert os.readlink(made.rootfs / str(outside / "new/deep/link").lstrip("/")) == "file"


@NAMESPACES
def test_what_is_no_symlink_is_bound(runtime, made, outside):
    made.process["args"] = ["/probe", "read", "/etc/here"]
    made.bind(outside / "file", "/etc/here", "copy-symlink")
    (outside / "file").chmod(0o644)
    assert run(runtime, made, outside).json["/etc/here"]["text"] == "the host's"


@NAMESPACES
@pytest.mark.parametrize(("target", "is_refused"), [("/srv/nowhere", False), ("/srv/other", True)])
def test_one_that_is_there_is_to_be_the_same(runtime, made, outside, target, is_refused):
    (outside / "link").symlink_to(target)
    made.bind(outside / "link", "/etc/link", "copy-symlink")
    assert run(runtime, made, outside).refused == is_refused
    assert os.readlink(made.rootfs / "etc/link") == "/srv/nowhere"


@NAMESPACES
@pytest.mark.parametrize("destination", ["/etc/of-the-image", "/etc", "/"])
def test_nothing_else_is_replaced(runtime, made, outside, destination):
    (outside / "link").symlink_to("file")
    made.bind(outside / "link", destination, "copy-symlink")
    result = run(runtime, made, outside)
    assert result.refused and "/mounts/6" in result.stderr, result
    assert (made.rootfs / "etc/of-the-image").read_text() == "the image's"


# ---- src-nofollow, dest-nofollow


@NAMESPACES
@TARGETS
def test_the_symlink_itself_is_bound(runtime, made, outside, target):
    (outside / "link").symlink_to(target)
    made.bind(outside / "link", "/etc/here", "src-nofollow")
    assert links(runtime, made, outside)["/etc/here"] == target
    assert (made.rootfs / "etc/here").is_file()


@NAMESPACES
def test_the_mount_is_on_the_symlink_itself(runtime, made, outside):
    made.bind(outside / "file", "/etc/link", "dest-nofollow")
    told = run(runtime, made, outside).json
    assert told["/etc/link"]["size"] == 10 and told["/srv/nowhere"] == {"error": "ENOENT"}, told
    assert not (made.rootfs / "srv").exists()


@NAMESPACES
@TARGETS
def test_a_symlink_is_bound_on_a_symlink(runtime, made, outside, target):
    (outside / "link").symlink_to(target)
    made.bind(outside / "link", "/etc/link", "src-nofollow", "dest-nofollow")
    assert links(runtime, made, outside)["/etc/link"] == target
    assert os.readlink(made.rootfs / "etc/link") == "/srv/nowhere"


@NAMESPACES
def test_what_is_no_symlink_and_what_is_missing_are_as_ever(runtime, made, outside):
    made.bind(outside / "file", "/etc/here", "dest-nofollow")
    made.bind(outside, "/srv/nowhere", "dest-nofollow", "src-nofollow")
    told = run(runtime, made, outside).json
    assert told["/etc/here"]["size"] == 10 and told["/srv/nowhere"]["type"] == "d"


@NAMESPACES
def test_a_directory_does_not_go_on_a_symlink(runtime, made, outside):
    made.bind(outside, "/etc/link", "dest-nofollow")
    result = run(runtime, made, outside)
    assert result.refused and "not a directory" in result.stderr, result


@NAMESPACES
@pytest.mark.parametrize("destination", ["/proc/self", "/proc/thread-self", "/proc/1/exe", "/proc/mounts"])
def test_no_link_of_proc_is_covered(runtime, made, outside, destination):
    """They tell processes, and minirun, who they are: CVE-2025-52565."""
    (outside / "link").symlink_to("/etc")
    made.bind(outside / "link", destination, "src-nofollow", "dest-nofollow")
    result = run(runtime, made, outside)
    assert result.refused, result


@NAMESPACES
@pytest.mark.parametrize("below", ["", "/below"])
def test_a_bound_symlink_leads_no_mount_out_of_the_root(runtime, made, outside, below):
    (outside / "link").symlink_to(outside / "new")
    made.bind(outside / "link", "/etc/here", "src-nofollow")
    made.mount(f"/etc/here{below}")
    made.mount("/tmp")
    result = run(runtime, made, outside)
    assert result.status == 0, result
    assert (made.rootfs / str(outside / "new").lstrip("/")).is_dir()


# ---- what makes no sense


@pytest.mark.parametrize("namespace", ["none"])
@pytest.mark.parametrize(
    "options", [["bind", "copy-symlink", "src-nofollow"], ["bind", "dest-nofollow", "copy-symlink"], ["src-nofollow"]]
)
def test_words_that_do_not_go_together(runtime, made, outside, options):
    made.mount("/etc/here", *options, source=outside / "file")
    result = run(runtime, made, outside)
    assert result.refused and "/mounts/6/options" in result.stderr, result
