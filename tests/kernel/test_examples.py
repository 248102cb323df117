"""The examples do what they are there to show, each by its one command; and nothing of them stays."""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import socket
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import pytest

from kernel.kit import needs
from kernel.kit.host import nothing_left
from kernel.kit.runtime import PATIENCE, REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.root, pytest.mark.only("minirun", "they use more than the runtime")]

EXAMPLES = REPOSITORY / "examples"
NETWORKS = Path("/var/lib/minirun/networks")
UNIT = "minirun-web.service"


def has_room(name: str) -> bool:
    return importlib.util.find_spec(f"minirun.{name}") is not None


def can_translate() -> bool:
    """User-mode Linux has no nftables."""
    words = ["unshare", "--net", "nft", "add table ip t; add chain ip t c { type nat hook postrouting priority 100; }"]
    try:
        return subprocess.run(words, capture_output=True, timeout=60, check=False).returncode == 0
    except FileNotFoundError:
        return False


def is_emulated() -> bool:
    """systemd-detect-virt(1) tells KVM from an emulator that calculates each instruction."""
    if PATIENCE == 1:
        return False
    return subprocess.run(["systemd-detect-virt"], capture_output=True, text=True, check=False).stdout != "kvm\n"


NEEDS_IMAGES = pytest.mark.skipif(not has_room("images"), reason="needs minirun/images")
NEEDS_NETWORK = pytest.mark.skipif(not has_room("network") or not can_translate(), reason="needs networks and nftables")
ON_THE_HOST = pytest.mark.skipif(PATIENCE > 1, reason="takes minutes in an emulated machine")
HAS_TIME = pytest.mark.skipif(is_emulated(), reason="takes six minutes in a machine without KVM")
NEEDS_SYSTEMD = needs.command("test -d /run/systemd/system", "systemd does not run here")


@pytest.fixture
def minirun(runtime, place) -> Path:
    """As one file, since that is what hooks, units and buildah are told."""
    path = place / "minirun"
    path.write_text(f'#!/bin/sh\nexec {shlex.join(runtime.argv)} "$@"\n')
    path.chmod(0o755)
    return path


@pytest.fixture
def example(runtime, minirun, place):
    """Runs the script of an example to its end; what it prints."""
    scratch = place / "tmp"
    scratch.mkdir()

    def run(script: str, *words: str, status: int = 0, **variables: str) -> str:
        environment = runtime.environment | {"MINIRUN": str(minirun), "TMPDIR": str(scratch), **variables}
        command = [str(EXAMPLES / script), *words]
        quiet = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True}
        done = subprocess.run(command, env=environment, timeout=200 * PATIENCE, check=False, **quiet)
        assert done.returncode == status, done.stdout + done.stderr
        assert list(scratch.iterdir()) == []
        return done.stdout + (done.stderr if status else "")

    return run


def test_scratch(example, runtime):
    with nothing_left(runtime.name):
        said = example("scratch/run").splitlines()
    assert said[:2] == ["hello from scratch", "pid 1 of parent 0, uid 65534, gid 65534"]
    assert "/: dev hello proc sys" in said
    assert "/sys/class/net: lo" in said
    assert "CapEff:\t0000000000000000" in said and "NoNewPrivs:\t1" in said


def test_a_bundle_that_is_named_stays(example, place):
    example("scratch/run", str(place / "bundle"))
    assert [path.name for path in (place / "bundle/rootfs").iterdir() if path.is_file()] == ["hello"]


# ---- web


@pytest.fixture(scope="module")
def layout() -> Iterator[Path]:
    """The image is built once: it takes most of the time."""
    with tempfile.TemporaryDirectory(prefix="minirun-tests-") as directory:
        path = Path(directory) / "layout"
        environment = os.environ | {"TMPDIR": directory}
        subprocess.run([EXAMPLES / "web/build", f"oci:{path}:web"], env=environment, check=True, timeout=200 * PATIENCE)
        assert list(Path(directory).iterdir()) == [path]
        yield path


def of_layout(layout: Path, reference: dict[str, Any]) -> Any:
    return json.loads((layout / "blobs" / reference["digest"].replace(":", "/")).read_text())


@needs.program("buildah")
@ON_THE_HOST
def test_the_image_has_only_the_second_stage(layout):
    """Two layers: the base and the app; the sources and their tests are in neither."""
    (reference,) = json.loads((layout / "index.json").read_text())["manifests"]
    manifest = of_layout(layout, reference)
    names: list[str] = []
    for layer in manifest["layers"]:
        blob = layout / "blobs" / layer["digest"].replace(":", "/")
        listed = subprocess.run(["tar", "-tf", blob], check=True, capture_output=True, text=True, timeout=60)
        names += [name.removeprefix("./") for name in listed.stdout.split("\n")]
    assert {"app.pyz", "usr/bin/python3"} <= set(names)
    assert not [name for name in names if name.startswith(("src", "app/")) or name.endswith("test_app.py")]
    assert of_layout(layout, manifest["config"])["config"]["User"] == "1000:1000"


@needs.program("buildah")
@NEEDS_IMAGES
@NEEDS_NETWORK
@ON_THE_HOST
def test_web(example, runtime):
    port = free_port()
    with nothing_left(runtime.name, patience=10 * PATIENCE):
        said = example("web/run", PORT=str(port)).splitlines()
    assert "healthy" in said
    assert "hello from web, visitor 1" in said and "pid 1, uid 1000" in said
    assert "web_visitors_total 1" in said
    assert f'"127.0.0.1:{port}:8080/tcp"' in "".join(said)
    name = after("$ minirun network create ", said)
    received = f'minirun_container_network_receive_bytes_total{{id="{name}",interface="eth0"}} '
    assert float(after(received, said)) > 0
    scraped = said[said.index("$ minirun metrics --listen 127.0.0.1:0 &") :]
    assert float(after(received, scraped)) > 0
    assert left_of(name) == []


def after(beginning: str, lines: list[str]) -> str:
    return next(line.removeprefix(beginning) for line in lines if line.startswith(beginning))


def left_of(network: str) -> list[str]:
    """Its files, leases, link and rules. The list of leases stays only where there are other networks."""
    found = [str(path) for path in NETWORKS.glob(f"{network}.*")]
    leases = NETWORKS / ".leases.json"
    found += [str(leases)] if leases.exists() and network in leases.read_text() else []
    found += [link for _, link in socket.if_nameindex() if link == f"mr-{network}"]
    listed = subprocess.run(["nft", "list", "tables"], check=True, capture_output=True, text=True, timeout=60)
    return found + [line for line in listed.stdout.splitlines() if network in line]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def image(place) -> str:
    """The app alone, with the machine's own programs below it: to build the real image takes minutes in a machine."""
    path = place / "root.tar"
    with tarfile.open(path, "w") as tar:
        for name in ("usr", "sys", "proc", "dev", "etc"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        for name in ("bin", "lib", "lib64"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, f"usr/{name}"
            tar.addfile(entry)
        tar.add(EXAMPLES / "web/app.py", "app.py")
    return f"tar:{path}"


@NEEDS_IMAGES
@NEEDS_SYSTEMD
def test_web_as_a_unit(example, runtime, image, place):
    """Without a network, which is the business of the test above: the check asks in the container."""
    bundle = place / "bundle"
    example("web/bundle", image, str(bundle))
    config = json.loads((bundle / "config.json").read_text())
    config["process"] |= {"args": ["/usr/bin/python3", "-u", "/app.py"], "user": {"uid": 1000, "gid": 1000}}
    config["mounts"].append({"destination": "/usr", "type": "none", "source": "/usr", "options": ["rbind", "ro"]})
    (bundle / "config.json").write_text(json.dumps(config))
    with nothing_left(runtime.name, patience=10 * PATIENCE):
        try:
            example("web/service", str(bundle))
            assert asked("ActiveState") == "active"
            words = [*runtime.argv, "state", "minirun-web"]
            state = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
            assert state["status"] == "running" and state["bundle"] == str(bundle)
            assert limit_of(state["pid"]) == str(64 << 20)
        finally:
            example("web/service", "--remove")
    assert asked("ActiveState") == "inactive"


@needs.program("buildah")
@NEEDS_IMAGES
@NEEDS_NETWORK
@NEEDS_SYSTEMD
@HAS_TIME
def test_web_as_a_unit_with_all_that_it_needs(example, runtime):
    with nothing_left(runtime.name, patience=10 * PATIENCE):
        try:
            example("web/service")
            with urlopen("http://127.0.0.1:8080/", timeout=20 * PATIENCE) as answer:
                assert answer.read().startswith(b"hello from web, visitor 1\n")
            assert "is it there already?" in example("web/service", status=1)
        finally:
            example("web/service", "--remove")
    assert left_of("minirun-web") == []
    assert not Path("/var/lib/minirun-web").exists()


@NEEDS_SYSTEMD
def test_a_unit_that_does_not_start_does_not_stay(example, bundle):
    """It would be started again and again."""
    failing = bundle("exit", "3")
    failing.write()
    said = example("web/service", str(failing.path), status=1)
    assert "status=3" in said and "it does not start" in said
    assert asked("LoadState") == "not-found"


def asked(name: str) -> str:
    words = ["systemctl", "show", "--value", f"--property={name}", UNIT]
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


def limit_of(pid: int) -> str:
    (path,) = (line[4:] for line in Path(f"/proc/{pid}/cgroup").read_text().split("\n") if line.startswith("0::/"))
    return Path("/sys/fs/cgroup", path, "memory.max").read_text().strip()
