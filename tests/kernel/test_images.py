"""An image becomes the same root directory as with umoci(1), byte by byte: content, mode, owner, time, extended
attributes, links, devices. Images of all forms, made here entry by entry and by skopeo(1)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kernel.kit.images import Made, device, entry, link, snapshot, tar
from kernel.kit.needs import program
from kernel.test_real_input import add_busybox
from kernel.test_rootfs_scripts import NOT_REACHED

if TYPE_CHECKING:
    from collections.abc import Callable

    from kernel.kit.runtime import Runtime

pytestmark = [pytest.mark.root, pytest.mark.only("minirun", "images are no business of other runtimes")]

CAPABILITY = bytes.fromhex("0100000200200000000000000000000000000000").decode("latin-1")  # CAP_NET_RAW, permitted
ROOT = (entry("./", mode=0o755, mtime=1_500_000_000), entry("etc"), entry("etc/passwd", "root:x:0:0::/:/bin/sh\n"))


def command(runtime: Runtime, *words: str | Path, status: int = 0) -> subprocess.CompletedProcess[str]:
    line = [*runtime.argv, *map(str, words)]
    done = subprocess.run(
        line, env=runtime.environment | os.environ, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == status, done
    return done


# ---- layers


def plain() -> list[bytes]:
    return [tar([*ROOT, entry("srv"), entry("srv/file", "hello"), entry("srv/empty", ""), link("srv/link", "file")])]


def owners_and_modes() -> list[bytes]:
    modes = (0o4755, 0o2755, 0o1777, 0o6711, 0o000, 0o444)
    files = [entry(f"bin/{mode:o}", "#!", mode=mode, uid=mode, gid=7) for mode in modes]
    return [tar([*ROOT, entry("bin", mode=0o1777, uid=3, gid=4), *files, entry("srv/", mode=0o2770, uid=1000)])]


def whiteouts() -> list[bytes]:
    first = [*ROOT, entry("a"), entry("a/one", "1"), entry("a/two", "2"), entry("b"), entry("b/c"), entry("b/c/d", "3")]
    second = [entry("a"), entry("a/.wh.one", ""), entry(".wh.b", ""), entry(".wh.nothing", ""), entry("x/.wh.y", "")]
    third = [entry("b"), entry("b/new", "4"), entry("a/one", "again")]
    return [tar(first), tar(second), tar(third)]


def opaque_directories() -> list[bytes]:
    first = [*ROOT, entry("a"), entry("a/old", "1"), entry("a/deep"), entry("a/deep/er", "2"), entry("a/kept", "3")]
    second = [entry("a", mode=0o700), entry("a/kept", "new"), entry("a/.wh..wh..opq", ""), entry("a/new", "4")]
    return [tar(first), tar(second)]


def whiteouts_of_what_the_same_layer_brings() -> list[bytes]:
    first = [*ROOT, entry("a"), entry("a/one", "old"), entry("a/two", "old")]
    second = [entry("a"), entry("a/one", "new"), entry("a/.wh.one", ""), entry(".wh.a", "")]
    return [tar(first), tar(second)]


def hard_links() -> list[bytes]:
    first = [*ROOT, entry("a", "same"), link("b", "a", hard=True), link("etc/c", "./b", hard=True)]
    second = [entry("b", "another"), link("d", "a", hard=True)]
    return [tar(first), tar(second)]


def symlinked_directories() -> list[bytes]:
    first = [*ROOT, entry("usr"), entry("usr/bin"), link("bin", "usr/bin"), link("absolute", "/usr")]
    second = [entry("bin/tool", "x", mode=0o755), entry("absolute/share"), entry("absolute/share/doc", "text")]
    third = [entry("bin/.wh.tool", ""), entry("bin/other", "y")]
    return [tar(first), tar(second), tar(third)]


def things_in_each_others_places() -> list[bytes]:
    first = [*ROOT, entry("a"), entry("a/b", "1"), entry("c", "2"), link("d", "c"), entry("e"), entry("e/f", "3")]
    second = [entry("a", "a file now"), entry("c"), entry("c/in", "4"), entry("d", "no link"), link("e", "a")]
    return [tar(first), tar(second)]


def devices() -> list[bytes]:
    nodes = [device("dev/null", mode=0o666), device("dev/sda", tarfile.BLKTYPE, 8, 0, mode=0o660, gid=6)]
    fifo = [device("dev/pipe", tarfile.FIFOTYPE, 0, 0, mode=0o620, uid=5)]
    return [tar([*ROOT, entry("dev"), *nodes, *fifo])]


def extended_attributes() -> list[bytes]:
    values = {"user.name": "value", "user.bytes": "\x00\x01\n=é", "security.capability": CAPABILITY}
    first = [*ROOT, entry("a", "1", xattrs=values), entry("b", xattrs={"user.on": "directory"}), entry("c", "2")]
    second = [entry("a", "1", xattrs={"user.other": "value"}), entry("b")]
    return [tar(first), tar(second)]


def names_of_all_kinds() -> list[bytes]:
    long = "/".join(["n" * 200] * 15)
    names = ["a b", "new\nline", "é", "\udcff\udcfe", "*", "-rf", "tab\t", "n" * 255, "\u202etxt"]
    files = [entry(f"names/{name}", name.encode(errors="surrogateescape")) for name in names]
    parents = [entry("/".join(long.split("/")[:depth])) for depth in range(1, 15)]
    return [tar([*ROOT, entry("names"), *files, *parents, entry(long, "far"), link("far", "l" * 4000)])]


def times() -> list[bytes]:
    fine = [entry(f"t/{number}", "", pax={"mtime": f"16{number}.{number}23456789"}) for number in range(3)]
    first = [*ROOT, entry("t", pax={"mtime": "1234567890.5"}), *fine, entry("u"), entry("u/one", "")]
    return [tar(first), tar([entry("u/two", ""), entry("t/.wh.1", "")])]


def other_tar_formats() -> list[bytes]:
    files = [entry("srv"), entry("srv/" + "long" * 30, "x"), entry("srv/b", "y" * 1000)]
    return [tar([*ROOT, *files], tarfile.GNU_FORMAT), tar([entry("srv/c", "z")], tarfile.USTAR_FORMAT)]


LAYERS = (
    *(plain, owners_and_modes, whiteouts, opaque_directories, whiteouts_of_what_the_same_layer_brings, hard_links),
    *(symlinked_directories, things_in_each_others_places, devices, extended_attributes, names_of_all_kinds, times),
    *(other_tar_formats,),
)


@pytest.fixture
def store(place: Path) -> Path:
    return place / "store"


@program("umoci")
@pytest.mark.parametrize("layers", LAYERS, ids=lambda made: made.__name__)
@pytest.mark.parametrize("form", ["oci", "docker-archive", "overlay"])
def test_an_image_is_as_umoci_has_it(
    runtime: Runtime, place: Path, store: Path, layers: Callable[[], list[bytes]], form: str
) -> None:
    made = Made(layers())
    reference = made.layout(place / "layout")
    subprocess.run(["umoci", "unpack", "--image", f"{place}/layout:app", place / "theirs"], check=True, timeout=60)
    if form == "docker-archive":
        reference = made.archive(place / "saved.tar")
    ours = place / "ours"
    command(runtime, "bundle", "--store", store, *["--overlay"] * (form == "overlay"), reference, ours)
    found = seen(ours, place / "merged") if form == "overlay" else snapshot(ours / "rootfs")
    theirs = without_made_up_times(snapshot(place / "theirs" / "rootfs"), found)
    if form == "overlay":
        theirs = {name: one | {"same": None} for name, one in theirs.items()}
    assert found == theirs


def without_made_up_times(theirs: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    """Of directories that no layer has an entry for, which are as old as the unpacking; and of one of umoci's, from
    which it has taken something away when its time was set."""
    recent = {name for name, one in theirs.items() if one["mtime"] > 1_700_000_000 * 10**9}
    assert recent <= {".", "dev", "x", "a"}
    return {name: one | ({"mtime": ours[name]["mtime"]} if name in recent else {}) for name, one in theirs.items()}


def seen(bundle: Path, point: Path) -> dict[str, Any]:
    """What the container would have for a root directory, by the entry of config.json."""
    config = json.loads((bundle / "config.json").read_text())
    first = config["mounts"][0]
    assert (first["destination"], first["type"]) == ("/", "overlay")
    point.mkdir()
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", ",".join(first["options"]), point], check=True)
    try:
        return {name: without_overlays_own(one) for name, one in snapshot(point).items()}
    finally:
        subprocess.run(["umount", point], check=True)


def without_overlays_own(told: dict[str, Any]) -> dict[str, Any]:
    """Hard links between layers are what overlayfs does not keep: a file that is changed gets a copy of its own."""
    return told | {
        "same": None,
        "xattrs": {name: value for name, value in told["xattrs"].items() if ".overlay." not in name},
    }


@program("skopeo")
@program("umoci")
@pytest.mark.parametrize("form", ["docker-archive", "oci"])
def test_an_image_of_skopeos(runtime: Runtime, place: Path, store: Path, form: str) -> None:
    """With a busybox in it, which is large enough to be compressed."""
    (place / "root").mkdir()
    add_busybox(place / "root")
    with tarfile.open(place / "root.tar", "w") as archive:
        archive.add(place / "root", ".")
    Made([(place / "root.tar").read_bytes(), tar([entry("bin/.wh.ls", "")])]).layout(place / "layout")
    target = f"{form}:{place}/copied:app" if form == "oci" else f"{form}:{place}/copied:app:latest"
    subprocess.run(["skopeo", "copy", "-q", f"oci:{place}/layout:app", target], check=True, timeout=60)
    subprocess.run(["umoci", "unpack", "--image", f"{place}/layout:app", place / "theirs"], check=True, timeout=60)
    command(runtime, "bundle", "--store", store, f"{form}:{place}/copied", place / "ours")
    assert snapshot(place / "ours/rootfs") == snapshot(place / "theirs/rootfs")


@pytest.mark.slow
@program("umoci")
@program("mmdebstrap")
def test_a_debian_as_umoci_has_it(runtime: Runtime, place: Path, store: Path) -> None:
    """Packages of a distribution, as mmdebstrap writes them: set-user-ID programs, links, names of many lengths."""
    words = [
        "mmdebstrap",
        "--quiet",
        "--variant=extract",
        "--include=base-files,base-passwd,passwd,login,libpam-modules",
    ]
    made = subprocess.run([*words, "bookworm", place / "root.tar"], capture_output=True, text=True, check=False)
    if any(told in made.stderr for told in NOT_REACHED):
        pytest.skip("no mirror of the distribution can be reached")
    assert made.returncode == 0, made.stderr
    reference = Made([(place / "root.tar").read_bytes(), tar([entry("usr/bin/.wh.passwd", "")])]).layout(
        place / "layout"
    )
    subprocess.run(["umoci", "unpack", "--image", f"{place}/layout:app", place / "theirs"], check=True, timeout=60)
    command(runtime, "bundle", "--store", store, reference, place / "ours")
    theirs = snapshot(place / "theirs/rootfs")
    theirs["usr/bin"]["mtime"] = snapshot(place / "ours/rootfs")["usr/bin"]["mtime"]  # no layer says it again
    assert snapshot(place / "ours/rootfs") == theirs
    assert len(theirs) > 1000
    command(runtime, "bundle", "--store", store, "--overlay", reference, place / "mounted")
    found = seen(place / "mounted", place / "merged")
    found["usr/bin"]["mtime"] = theirs["usr/bin"]["mtime"]
    assert found == {name: one | {"same": None} for name, one in theirs.items()}


@pytest.mark.parametrize("kind", ["gnu", "posix", "posix --sparse-version=0.1", "posix --sparse-version=0.0"])
def test_holes_stay_holes(runtime: Runtime, place: Path, store: Path, kind: str) -> None:
    """Larger than what a disk has."""
    (place / "root").mkdir()
    with (place / "root" / "sparse").open("wb") as file:
        file.write(b"begin")
        file.seek(1 << 40)
        file.write(b"middle")
        file.truncate(1 << 41)
    words = ["tar", "-C", place / "root", "--sparse", *f"--format={kind}".split(), "-cf", place / "root.tar", "."]
    subprocess.run(words, check=True, timeout=60)
    command(runtime, "bundle", "--store", store, f"tar:{place}/root.tar", place / "ours")
    made = place / "ours/rootfs/sparse"
    assert (made.stat().st_size, made.stat().st_blocks < 100) == (1 << 41, True)
    with made.open("rb") as file:
        assert file.read(5) == b"begin"
        file.seek(1 << 40)
        assert file.read(7) == b"middle\0"


def test_a_gigabyte_of_nothing_takes_no_room(runtime: Runtime, place: Path, store: Path) -> None:
    with tarfile.open(place / "root.tar.gz", "w:gz", compresslevel=1) as archive, Path("/dev/zero").open("rb") as zeros:
        info, _ = entry("zeros", "")
        info.size = 1 << 28
        archive.addfile(info, zeros)
    command(runtime, "bundle", "--store", store, f"tar:{place}/root.tar.gz", place / "ours")
    status = (place / "ours/rootfs/zeros").stat()
    assert (status.st_size, status.st_blocks) == (1 << 28, 0)


@pytest.mark.parametrize("compression", ["", "+gzip", "+zstd"])
def test_layers_are_decompressed(runtime: Runtime, place: Path, store: Path, compression: str) -> None:
    reference = Made(plain(), compression=compression).layout(place / "layout")
    command(runtime, "bundle", "--store", store, reference, place / "ours")
    assert (place / "ours/rootfs/srv/file").read_text() == "hello"


def test_a_tar_file_without_its_end(runtime: Runtime, place: Path, store: Path) -> None:
    """As umoci insert leaves it."""
    data = tar([entry("a", "x")])
    (place / "root.tar").write_bytes(data[: data.index(b"x\0\0") + 1])
    command(runtime, "bundle", "--store", store, f"tar:{place}/root.tar", place / "ours")
    assert (place / "ours/rootfs/a").read_text() == "x"


def test_what_docker_export_writes(runtime: Runtime, place: Path, store: Path) -> None:
    (place / "root.tar").write_bytes(plain()[0])
    command(runtime, "bundle", "--store", store, f"tar:{place}/root.tar", place / "ours")
    assert (place / "ours/rootfs/srv/file").read_text() == "hello"
    assert json.loads((place / "ours/config.json").read_text())["process"]["args"] == ["sh"]


def test_a_failure_leaves_nothing(runtime: Runtime, place: Path, store: Path) -> None:
    wrong = Made([*plain(), b"no tar file" * 1000])
    told = command(runtime, "bundle", "--store", store, wrong.layout(place / "layout"), place / "ours", status=1)
    assert "is no tar file, or damaged" in told.stderr
    assert not (place / "ours").exists()
    assert os.listdir(store / "layers") == os.listdir(store / "partial") == []


def test_a_bundle_is_not_overwritten(runtime: Runtime, place: Path, store: Path) -> None:
    reference = Made(plain()).layout(place / "layout")
    (place / "ours").mkdir()
    (place / "ours/mine").touch()
    told = command(runtime, "bundle", "--store", store, reference, place / "ours", status=1)
    assert "not empty" in told.stderr
    assert os.listdir(place / "ours") == ["mine"]


# ---- config.json


def test_the_configuration_becomes_config_json(runtime: Runtime, place: Path, store: Path) -> None:
    asked = {
        "User": "app",
        "Env": ["PATH=/bin", "GREETING=hello = world"],
        "Entrypoint": ["/bin/sh"],
        "Cmd": ["-c", "true"],
        "WorkingDir": "/srv",
        "Volumes": {"/data": {}},
        "ExposedPorts": {"80/tcp": {}, "53/udp": {}},
        "StopSignal": "SIGQUIT",
        "Labels": {"maker": "me", "org.opencontainers.image.author": "label", "run.oci.hooks.stdout": "/etc/shadow"},
    }
    files = [
        entry("etc/passwd", "root:x:0:0::/:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n"),
        entry("etc/group", "app:x:1001:\nlogs:x:30:other,app\nnone:x:31:\n"),
    ]
    made = Made([tar(files)], {"config": asked, "author": "field", "created": "2026-01-02T03:04:05Z"})
    told = command(runtime, "bundle", "--store", store, made.layout(place / "layout"), place / "ours")
    config = json.loads((place / "ours/config.json").read_text())
    process, prefix = config["process"], "org.opencontainers.image."
    assert process["user"] == {"uid": 1000, "gid": 1001, "additionalGids": [30]}
    assert process["args"] == ["/bin/sh", "-c", "true"]
    assert process["env"] == ["PATH=/bin", "GREETING=hello = world", "TERM=xterm"]
    assert process["cwd"] == "/srv"
    assert [mount["type"] for mount in config["mounts"] if mount["destination"] == "/data"] == ["tmpfs"]
    assert config["annotations"] == {
        "maker": "me",
        f"{prefix}architecture": "amd64",
        f"{prefix}author": "label",
        f"{prefix}created": "2026-01-02T03:04:05Z",
        f"{prefix}exposedPorts": "53/udp,80/tcp",
        f"{prefix}os": "linux",
        f"{prefix}stopSignal": "SIGQUIT",
    }
    assert "run.oci.hooks.stdout would be an order to whoever runs it" in told.stderr


PASSWD = "root:x:0:0::/:/bin/sh\napp:x:1000:1001::/:/bin/sh\n"


@pytest.mark.parametrize(
    ("word", "user"),
    [
        ("", {"uid": 0, "gid": 0}),
        ("7", {"uid": 7, "gid": 0}),
        ("1000", {"uid": 1000, "gid": 1001}),
        ("7:8", {"uid": 7, "gid": 8}),
        ("app:30", {"uid": 1000, "gid": 30}),
        ("app:logs", {"uid": 1000, "gid": 30}),
        ("4294967295", None),
        ("nobody", None),
        ("app:nothing", None),
    ],
)
def test_users_are_looked_up_in_the_image(
    runtime: Runtime, place: Path, store: Path, word: str, user: dict[str, int] | None
) -> None:
    files = [entry("etc/passwd", PASSWD), entry("etc/group", "logs:x:30:\n")]
    made = Made([tar(files)], {"config": {"User": word}}).layout(place / "layout")
    told = command(runtime, "bundle", "--store", store, made, place / "ours", status=0 if user else 1)
    if user:
        assert json.loads((place / "ours/config.json").read_text())["process"]["user"] == user
    else:
        assert "the image is to run as" in told.stderr
        assert not (place / "ours").exists()


def test_passwd_may_be_a_symlink_and_leads_nowhere_outside(runtime: Runtime, place: Path, store: Path) -> None:
    files = [link("etc/passwd", f"{place}/secret"), device("etc/group", tarfile.FIFOTYPE, 0, 0)]
    (place / "secret").write_text("app:x:1:1::/:/bin/sh\n")
    made = Made([tar(files)], {"config": {"User": "app"}}).layout(place / "layout")
    told = command(runtime, "bundle", "--store", store, made, place / "ours", status=1)
    assert "its /etc/passwd has none that is called so" in told.stderr


def test_the_room_can_be_taken_away(place: Path) -> None:
    """A copy of minirun without it runs containers, and says in one sentence why it has no images."""
    home = Path(__file__).parents[2]
    shutil.copytree(home / "minirun", place / "minirun", ignore=shutil.ignore_patterns("__pycache__", "images"))
    environment = os.environ | {"PYTHONPATH": str(place)}
    words = [sys.executable, "-m", "minirun"]
    for more in (["pull", "oci:x"], ["run", "oci:x"], ["bundle", "tar:x", "y"], ["images", "list"], ["diff", "x"]):
        told = subprocess.run([*words, *more], env=environment, cwd=place, capture_output=True, text=True, check=False)
        assert told.returncode == 1
        assert (
            told.stderr
            == "minirun: this minirun has no images room (minirun/images), so it can do nothing with images\n"
        )
    (place / "b/rootfs").mkdir(parents=True)
    add_busybox(place / "b/rootfs")
    subprocess.run([*words, "spec", "-b", "b"], env=environment, cwd=place, check=True)
    run = [*words, "--root", f"{place}/state", "run", "--set", "/process/terminal=false", "b", "--", "echo", "hello"]
    told = subprocess.run(run, env=environment, cwd=place, capture_output=True, text=True, check=False)
    assert (told.stdout, told.stderr) == ("hello\n", "")
