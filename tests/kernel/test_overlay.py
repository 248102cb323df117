"""Containers over the store's layers: run IMAGE, what a second one costs, what one has changed, and what is tidied."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from kernel.kit import needs
from kernel.kit.host import nothing_left
from kernel.kit.images import Made, device, entry, link, snapshot, tar
from kernel.kit.runtime import new_id
from kernel.test_images import ROOT, command, seen
from kernel.test_real_input import add_busybox

if TYPE_CHECKING:
    from kernel.kit.runtime import Runtime

pytestmark = [
    pytest.mark.root,
    pytest.mark.only("minirun", "images are no business of other runtimes"),
    needs.static_busybox(),
]

FILES = (
    *(entry("etc/old", "old"), entry("srv"), entry("srv/a", "a"), entry("srv/deep"), entry("srv/deep/b", "b")),
    *(entry("opt"), entry("opt/c", "c")),
)
ONE, TWO = new_id(), new_id()


@pytest.fixture
def image(place: Path) -> str:
    """Two layers; the second takes a file of the first away."""
    (place / "root").mkdir()
    add_busybox(place / "root")
    with tarfile.open(place / "root.tar", "w") as archive:
        archive.add(place / "root", ".")
    layers = [(place / "root.tar").read_bytes(), tar([*ROOT, *FILES]), tar([entry("etc/.wh.old", "")])]
    config = {"config": {"Cmd": ["cat", "/srv/a"], "Env": ["PATH=/bin"]}}
    return Made(layers, config).layout(place / "layout")


def run(runtime: Runtime, place: Path, image: str, *script: str, name: str = ONE, status: int = 0) -> str:
    words = ["--root", place / "state", "run", "--store", place / "store", "--id", name, image]
    with nothing_left("minirun"):
        return command(
            runtime, *words, *(["--", "sh", "-euc", "; ".join(script)] if script else []), status=status
        ).stdout


def bundle(place: Path, name: str = ONE) -> Path:
    return place / "store" / "bundles" / name


def changes(runtime: Runtime, directory: Path) -> list[str]:
    """But for the mount points, which minirun makes."""
    lines = command(runtime, "diff", directory).stdout.splitlines()
    return [line for line in lines if not re.fullmatch(r"A /(dev|proc|sys|tmp)", line)]


def test_an_image_is_run(runtime: Runtime, place: Path, image: str) -> None:
    assert run(runtime, place, image) == "a"
    config = json.loads((bundle(place) / "config.json").read_text())
    assert (config["mounts"][0]["type"], config["process"]["terminal"]) == ("overlay", True)


def test_a_second_container_costs_kilobytes(runtime: Runtime, place: Path, image: str) -> None:
    run(runtime, place, image, "echo mine >/srv/a")
    assert run(runtime, place, image, "cat /srv/a", name=TWO) == "a"
    used = subprocess.run(["du", "-sk", bundle(place, TWO)], capture_output=True, text=True, check=True).stdout
    assert int(used.split()[0]) < 100
    assert (bundle(place) / "changes/upper/srv/a").read_text() == "mine\n"


def test_the_host_sees_no_mount(runtime: Runtime, place: Path, image: str) -> None:
    before = Path("/proc/self/mountinfo").read_text()
    run(runtime, place, image)
    command(runtime, "bundle", "--store", place / "store", "--overlay", image, place / "made")
    assert Path("/proc/self/mountinfo").read_text() == before


def test_what_a_layer_took_away_is_gone(runtime: Runtime, place: Path, image: str) -> None:
    assert run(runtime, place, image, "ls /etc").split() == ["passwd"]


def test_more_layers_than_mount_takes_by_their_paths(runtime: Runtime, place: Path, image: str) -> None:
    """As many as an image of Docker's can have: all paths together are longer than a page."""
    more = [tar([entry(f"many/{number}", str(number))]) for number in range(125)]
    reference = Made([*all_layers(place)[:2], *more], {"config": {"Env": ["PATH=/bin"]}}).layout(place / "many")
    assert run(runtime, place, reference, "cat /srv/a /many/0 /many/124", "touch /many/new") == "a0124"
    config = json.loads((bundle(place) / "config.json").read_text())
    assert len(",".join(config["mounts"][0]["options"])) > 4095
    assert changes(runtime, bundle(place)) == ["C /many", "A /many/new"]


def test_more_layers_than_one_mount_takes_at_all(runtime: Runtime, place: Path) -> None:
    made = Made([tar([*ROOT])] + [tar([entry(f"many/{number}", "x")]) for number in range(160)])
    words = ["bundle", "--store", place / "store", "--overlay", made.layout(place / "layout"), place / "ours"]
    assert "without --overlay" in command(runtime, *words, status=1).stderr
    assert not (place / "ours").exists() and os.listdir(place / "store/layers") == []


def test_without_a_mount_namespace(runtime: Runtime, place: Path, image: str) -> None:
    """The mount is one of the host's then, and goes with the container."""
    command(runtime, "bundle", "--store", place / "store", "--overlay", image, place / "ours")
    config = json.loads((place / "ours/config.json").read_text())
    config["linux"]["namespaces"] = [one for one in config["linux"]["namespaces"] if one["type"] != "mount"]
    config["process"] |= {"terminal": False, "args": ["sh", "-c", "cat /srv/a; ls /etc; echo b >/srv/a"]}
    (place / "ours/config.json").write_text(json.dumps(config))
    before = Path("/proc/self/mountinfo").read_text()
    with nothing_left("minirun"):
        assert command(runtime, "--root", place / "state", "run", place / "ours").stdout == "apasswd\n"
    assert Path("/proc/self/mountinfo").read_text() == before
    assert changes(runtime, place / "ours") == ["C /srv", "C /srv/a"]


# ---- one container for one directory of changes


@pytest.fixture
def ours(runtime: Runtime, place: Path, image: str) -> Path:
    command(runtime, "bundle", "--store", place / "store", "--overlay", image, place / "ours")
    return place / "ours"


def cat(runtime: Runtime, place: Path, ours: Path, status: int = 0) -> str:
    words = ["--root", place / "other", "run", "--set", "/process/terminal=false", ours]
    done = command(runtime, *words, status=status)
    return done.stderr if status else done.stdout


@pytest.mark.parametrize("how", ["create", "run"])
def test_two_containers_of_a_bundle_at_the_same_time(runtime: Runtime, place: Path, ours: Path, how: str) -> None:
    """Even where their books are in different places. When the first has ended, there may be another."""
    root = ("--root", place / "state")
    with nothing_left("minirun"):
        how_made = ("create", "--bundle", ours, ONE) if how == "create" else ("run", "--detach", "--id", ONE, ours)
        words = [*runtime.argv, *root, *how_made, "--", "sleep", "1000"]
        quiet(ours)
        subprocess.run([*map(str, words)], env=runtime.environment, stdout=subprocess.DEVNULL, check=True)
        try:
            pid = json.loads(command(runtime, *root, "state", ONE).stdout)["pid"]
            said = cat(runtime, place, ours, status=1)
            assert f"another container writes to {ours}/changes/upper" in said and f"its process is {pid};" in said
            assert "a second bundle of the same image" in said
        finally:
            command(runtime, *root, "delete", "--force", ONE)
        assert cat(runtime, place, ours) == "a"


def quiet(bundle: Path) -> None:
    config = json.loads((bundle / "config.json").read_text())
    config["process"]["terminal"] = False
    (bundle / "config.json").write_text(json.dumps(config))


def test_a_note_of_a_process_counts_as_long_as_it_lives(runtime: Runtime, place: Path, ours: Path) -> None:
    started = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    boot = Path("/proc/sys/kernel/random/boot_id").read_text()
    ours_now, other_boot = f"{os.getpid()} {started} {boot}", f"{os.getpid()} {started} {uuid4()}\n"
    notes = {ours_now: 1, f"{os.getpid()} {started + 1} {boot}": 0, other_boot: 0, f"0 0 {boot}": 0}
    notes |= dict.fromkeys((f"{os.getpid()} {started}", "x", "9" * 90, ""), 0)
    for note, status in notes.items():
        (ours / "changes/process").write_text(note)
        cat(runtime, place, ours, status=status)


def test_the_note_is_no_symlink(runtime: Runtime, place: Path, ours: Path) -> None:
    (place / "mine").write_text("mine")
    (ours / "changes/process").symlink_to(place / "mine")
    assert "can't claim" in cat(runtime, place, ours, status=1)
    assert (place / "mine").read_text() == "mine"


# ---- diff


CHANGES = {
    "nothing": ("true", []),
    "a new file": ("touch /srv/new", ["C /srv", "A /srv/new"]),
    "a changed file": ("echo b >>/srv/a", ["C /srv", "C /srv/a"]),
    "a removed file": ("rm /srv/a", ["C /srv", "D /srv/a"]),
    "a new mode": ("chmod 700 /srv/deep", ["C /srv", "C /srv/deep"]),
    "a removed directory": ("rm -r /srv/deep", ["C /srv", "D /srv/deep"]),
    "a directory in another's place": (
        "rm -r /srv; mkdir /srv; touch /srv/new",
        ["C /srv", "D /srv/a", "D /srv/deep", "A /srv/new"],
    ),
    "a file in a directory's place": ("rm -r /opt; touch /opt", ["C /opt"]),
    "what the image itself took away": ("touch /etc/old", ["C /etc", "A /etc/old"]),
    "a name with a line break": ("touch '/srv/x\ny'", ["C /srv", "A /srv/x\\ny"]),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_a_container_has_changed(runtime: Runtime, place: Path, image: str, name: str) -> None:
    """As a layer, on those of before, it makes an image of what the container saw."""
    script, expected = CHANGES[name]
    run(runtime, place, image, script)
    assert changes(runtime, bundle(place)) == expected
    told = command(runtime, "diff", "--tar", place / "layer.tar", bundle(place)).stdout
    data = (place / "layer.tar").read_bytes()
    layers = [*all_layers(place), data]
    made = Made(layers, compression="")
    assert told == f"{made.document['rootfs']['diff_ids'][-1]}\n"
    command(runtime, "bundle", "--store", place / "other", made.layout(place / "again"), place / "built")
    mine = {name: one | {"same": None} for name, one in snapshot(place / "built/rootfs").items()}
    assert seen(bundle(place), place / "merged") == mine


def all_layers(place: Path) -> list[bytes]:
    """What `image` is made of."""
    return [(place / "root.tar").read_bytes(), tar([*ROOT, *FILES]), tar([entry("etc/.wh.old", "")])]


def test_links_devices_and_attributes_as_a_layer(runtime: Runtime, place: Path) -> None:
    """Made by hand where the container's changes are."""
    made = Made([tar([*ROOT])]).layout(place / "layout")
    command(runtime, "bundle", "--store", place / "store", "--overlay", made, place / "ours")
    more = [entry("x", "1", mode=0o4711, uid=7, xattrs={"user.a": "b"}), link("y", "x", hard=True), link("z", "x")]
    more += [device("null"), device("pipe", tarfile.FIFOTYPE, 0, 0)]
    Made([tar([entry("./", mtime=1_500_000_000), *more])]).layout(place / "more")
    command(runtime, "bundle", "--store", place / "store", f"oci:{place}/more", place / "given")
    subprocess.run(["cp", "-a", f"{place}/given/rootfs/.", place / "ours/changes/upper"], check=True)
    command(runtime, "diff", "--tar", place / "layer.tar", place / "ours")
    built = Made([tar([*ROOT]), (place / "layer.tar").read_bytes()]).layout(place / "built")
    command(runtime, "bundle", "--store", place / "store", built, place / "again")
    found, given = snapshot(place / "again/rootfs"), snapshot(place / "given/rootfs")
    for name in ("x", "y", "z", "null", "pipe"):
        assert found[name] == given[name]


def test_directories_deeper_than_functions_may_call_each_other(runtime: Runtime, place: Path, ours: Path) -> None:
    deep = "/".join(["d"] * 1500)
    subprocess.run(["mkdir", "-p", ours / "changes/upper" / deep], check=True)
    assert command(runtime, "diff", ours).stdout.splitlines() == [f"A /{deep[: 2 * n + 1]}" for n in range(1500)]
    command(runtime, "diff", "--tar", place / "layer.tar", ours)
    with tarfile.open(place / "layer.tar") as archive:
        assert archive.getnames()[-1] == deep
    subprocess.run(["rm", "-rf", ours / "changes"], check=True)  # Python's own way goes no deeper, either


def test_directories_deeper_than_a_path_is_long(runtime: Runtime, ours: Path) -> None:
    here = os.open(ours / "changes/upper", os.O_PATH)
    for _ in range(2100):
        os.mkdir("d", dir_fd=here)
        here, above = os.open("d", os.O_PATH, dir_fd=here), here
        os.close(above)
    os.close(here)
    said = command(runtime, "diff", ours, status=1).stderr
    assert "deeper than a path is long" in said and "have it remove them" in said
    subprocess.run(["rm", "-rf", ours / "changes"], check=True)


def test_a_bundle_with_a_root_of_its_own_has_no_diff(runtime: Runtime, place: Path, image: str) -> None:
    command(runtime, "bundle", "--store", place / "store", image, place / "ours")
    said = command(runtime, "diff", place / "ours", status=1).stderr
    assert "minirun bundle --overlay keeps the two apart" in said


# ---- the store


def test_what_nobody_needs_is_tidied_away(runtime: Runtime, place: Path, image: str) -> None:
    store = place / "store"
    command(runtime, "bundle", "--store", store, "--overlay", image, place / "ours")
    assert len(os.listdir(store / "layers")) == 3
    command(runtime, "images", "--store", store, "remove", image)
    assert os.listdir(store / "blobs/sha256") == []
    assert len(os.listdir(store / "layers")) == 3  # the bundle stands on them
    done = command(runtime, "--root", place / "state", "run", "--set", "/process/terminal=false", place / "ours")
    assert done.stdout == "a"
    subprocess.run(["rm", "-r", place / "ours"], check=True)
    command(runtime, "images", "--store", store, "prune")
    assert os.listdir(store / "layers") == os.listdir(store / "users") == []


def test_the_bundle_of_a_container_that_is_there_stays(runtime: Runtime, place: Path, image: str) -> None:
    root, store = place / "state", place / "store"
    words = ["--root", root, "run", "--detach", "--store", store, "--id", ONE, image, "--", "sleep", "1000"]
    with nothing_left("minirun"):
        subprocess.run(
            [*runtime.argv, *map(str, words)], env=runtime.environment, stdout=subprocess.DEVNULL, check=True
        )
        try:
            command(runtime, "--root", root, "images", "--store", store, "prune")
            assert os.listdir(store / "bundles") == [ONE]
            assert command(runtime, "--root", root, "exec", ONE, "cat", "/srv/a").stdout == "a"
            assert changes(runtime, bundle(place)) == []
            assert "A /proc" in command(runtime, "--root", root, "diff", ONE).stdout
        finally:
            command(runtime, "--root", root, "delete", "--force", ONE)
    command(runtime, "--root", root, "images", "--store", store, "prune")
    assert os.listdir(store / "bundles") == os.listdir(store / "layers") == []


def test_an_image_that_is_not_there(runtime: Runtime, place: Path, image: str) -> None:
    command(runtime, "pull", "--store", place / "store", image)
    said = command(runtime, "images", "--store", place / "store", "remove", "oci:/nowhere:x", status=1).stderr
    assert "has no image 'oci:/nowhere:x'" in said and image in said


def test_the_store_is_an_image_layout(runtime: Runtime, place: Path, image: str) -> None:
    """Other programs can read it."""
    command(runtime, "pull", "--store", place / "store", image)
    index = json.loads((place / "store/index.json").read_text())
    for one in index["manifests"]:
        one["annotations"]["org.opencontainers.image.ref.name"] = "app"
    (place / "store/index.json").write_text(json.dumps(index))
    command(runtime, "bundle", "--store", place / "other", f"oci:{place}/store:app", place / "ours")
    assert (place / "ours/rootfs/srv/a").read_text() == "a"


def test_two_commands_at_the_same_time(runtime: Runtime, place: Path, image: str) -> None:
    words = [*runtime.argv, "bundle", "--store", place / "store", "--overlay", image]
    both = [
        subprocess.Popen([*map(str, words), str(place / name)], env=runtime.environment, stderr=subprocess.PIPE)
        for name in ("one", "two", "three")
    ]
    for one in both:
        _, said = one.communicate(timeout=120)
        assert (one.returncode, said) == (0, b"")
    assert len(os.listdir(place / "store/layers")) == 3


# ---- explain --image


def test_what_comes_from_which_layer(runtime: Runtime, place: Path) -> None:
    history = [
        {"created_by": "COPY first"},
        {"created_by": "ENV A=b", "empty_layer": True},
        {"created_by": "RUN second"},
    ]
    layers = [tar([*ROOT, entry("srv/a", "x" * 1000)]), tar([entry("srv/.wh.a", ""), entry("srv/b", "y")])]
    made = Made(layers, {"history": history, "config": {"User": "root", "Labels": {"run.oci.x": "y"}}})
    words = ["explain", "--store", place / "store", "--image", made.layout(place / "layout")]
    text = command(runtime, *words).stdout
    assert re.search(r"Layer 1 .*\n    made by   COPY first\n.*\n    brings    4 entries: /etc/passwd, /srv/a", text)
    assert re.search(r"Layer 2 .*\n    made by   RUN second\n.*\n    brings .*\n    removes   1 entry: /srv/a\n", text)
    assert '    /config/User → /process/user: {"uid":0,"gid":0}\n' in text
    assert "/config/Labels/run.oci.x → left out: run.oci.x would be an order to whoever runs it\n" in text
    told = json.loads(command(runtime, *words, "--format", "json").stdout)
    assert [(one["added"], one["removed"]) for one in told["layers"]] == [(4, 0), (1, 1)]


# ---- without root


@needs.namespace("user")
@pytest.mark.parametrize("form", ["copied", "overlay"])
def test_who_is_not_root_gets_a_bundle_to_run(runtime: Runtime, place: Path, form: str) -> None:
    """Everything belongs to the user: what can't be given away is told."""
    (place / "root").mkdir()
    add_busybox(place / "root")
    with tarfile.open(place / "root.tar", "w") as archive:
        archive.add(place / "root", ".")
    layers = [(place / "root.tar").read_bytes(), tar([entry("srv/mine", "a", uid=1000), device("dev/null")])]
    made = Made([*layers, tar([entry("srv/.wh.none", ""), entry("bin/.wh.ls", "")])], {"config": {"Cmd": ["id", "-u"]}})
    reference = made.layout(place / "layout")
    place.chmod(0o755)
    home = place / "home"
    home.mkdir()
    os.chown(home, 54321, 54321)
    options = ["--overlay"] * (form == "overlay")
    who = {"user": 54321, "group": 54321, "extra_groups": []}
    environment = runtime.environment | {"XDG_RUNTIME_DIR": str(home), "XDG_DATA_HOME": str(home)}
    words = [*runtime.argv, "bundle", *options, reference, f"{home}/bundle"]
    told = subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=60, **who)
    assert told.returncode == 0, told
    assert "owners that a user can't give away" in told.stderr and "devices, which only root can make" in told.stderr
    words = [*runtime.argv, "run", "--set", "/process/terminal=false", f"{home}/bundle"]
    for more, expected in (([], "0\n"), (["--", "sh", "-c", "cat /srv/mine; test -e /bin/ls || echo gone"], "agone\n")):
        told = subprocess.run(
            [*words, *more], env=environment, capture_output=True, text=True, check=False, timeout=60, cwd=home, **who
        )
        assert (told.returncode, told.stdout) == (0, expected), told
    if form == "overlay":
        words = [*runtime.argv, "diff", f"{home}/bundle"]
        told = subprocess.run(words, env=environment, capture_output=True, text=True, check=True, timeout=60, **who)
        assert "A /proc\n" in told.stdout
    words = [*runtime.argv, "images", "prune"]
    subprocess.run(words, env=environment, check=True, timeout=60, **who)


BECOME = "setpriv --reuid 54321 --regid 54321 --clear-groups"
GRANT = f"""
for name in passwd subuid subgid; do mount --bind "$1/$name" "/etc/$name"; done
shift
exec {BECOME} "$@"
"""  # in a mount namespace: the host's own files stay as they are


@needs.namespace("user")
@needs.program("newuidmap")
@needs.program("newgidmap")
@pytest.mark.parametrize("form", ["copied", "overlay"])
def test_files_belong_to_as_many_as_root_has_granted(runtime: Runtime, place: Path, form: str) -> None:
    """subuid(5): in the bundle by the user's own ids, in the container by those of the image."""
    (place / "passwd").write_text(f"{Path('/etc/passwd').read_text()}\nminirun-test:x:54321:54321::/:/bin/sh\n")
    for name in ("subuid", "subgid"):
        (place / name).write_text("minirun-test:700000:2000\n")
    (place / "root").mkdir()
    add_busybox(place / "root")
    with tarfile.open(place / "root.tar", "w") as archive:
        archive.add(place / "root", ".")
    more = [entry("srv/mine", "a", uid=1000, gid=7), entry("srv/far", "b", uid=1999), entry("srv/out", "c")]
    more.append(entry("srv", mode=0o777))
    made = Made([(place / "root.tar").read_bytes(), tar(more), tar([entry("srv/.wh.out", "")])])
    made.document["config"] = {"Cmd": ["stat", "-c", "%u:%g", "/srv/mine", "/srv/far"], "User": "1000:7"}
    reference = made.layout(place / "layout")
    place.chmod(0o755)
    home = place / "home"
    home.mkdir()
    os.chown(home, 54321, 54321)
    environment = runtime.environment | {"XDG_RUNTIME_DIR": str(home), "XDG_DATA_HOME": str(home)}

    def as_user(*words: str) -> str:
        line = ["unshare", "--mount", "sh", "-c", GRANT, "sh", str(place), *runtime.argv, *words]
        done = subprocess.run(line, env=environment, capture_output=True, text=True, cwd=home, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout

    as_user("bundle", *["--overlay"] * (form == "overlay"), reference, f"{home}/bundle")
    if form == "copied":
        status = (home / "bundle/rootfs/srv/mine").stat()
        assert (status.st_uid, status.st_gid) == (700999, 700006)
    quiet(home / "bundle")
    assert as_user("run", f"{home}/bundle") == "1000:7\n1999:0\n"
    if form == "overlay":
        as_user("run", "--set", "/process/user/uid=5", f"{home}/bundle", "--", "touch", "/srv/x")
        assert "A /srv/x\n" in as_user("diff", f"{home}/bundle")
        as_user("diff", "--tar", f"{home}/layer.tar", f"{home}/bundle")
        with tarfile.open(home / "layer.tar") as archive:
            assert archive.getmember("srv/x").uid == 5
    subprocess.run(["rm", "-r", home / "bundle"], check=True)
    as_user("images", "prune")
    assert os.listdir(home / "minirun/store/layers") == os.listdir(home / "minirun/store/blobs/sha256") == []
