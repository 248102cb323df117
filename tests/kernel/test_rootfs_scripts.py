"""The scripts of rootfs/: each makes a bundle that the runtime can run, or tells why not and leaves nothing behind."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from kernel.kit.runtime import Runtime, new_id

pytestmark = pytest.mark.root

SCRIPTS = Path(__file__).parents[2] / "rootfs"
NO_NETWORK = ("unshare", "--net")
NOT_REACHED = ("Temporary failure resolving", "Could not resolve", "Could not connect", "Unable to connect")


class Scripts:
    """Runs the scripts with the runtime under test as the minirun that they ask for config.json."""

    def __init__(self, runtime: Runtime, place: Path) -> None:
        self.runtime, self.bundle = runtime, place / "bundle"
        self.minirun = place / "minirun"
        self.minirun.write_text(f'#!/bin/sh\nexec {shlex.join(runtime.argv)} "$@"\n')
        self.minirun.chmod(0o755)

    def make(self, script: str, *words: str, prefix: tuple[str, ...] = NO_NETWORK, **more: Any) -> str:
        """Makes the bundle with a script that should succeed; returns what it printed."""
        made = self.try_to_make(script, *words, prefix=prefix, **more)
        assert made.returncode == 0, made.stderr
        return made.stdout

    def try_to_make(
        self, script: str, *words: str, prefix: tuple[str, ...] = NO_NETWORK, path: str | None = None, **more: Any
    ) -> subprocess.CompletedProcess[str]:
        environment = self.runtime.environment | {"MINIRUN": str(self.minirun), "PATH": path or os.environ["PATH"]}
        command = [*prefix, str(SCRIPTS / script), str(self.bundle), *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, **more)

    def config(self) -> dict[str, Any]:
        return json.loads((self.bundle / "config.json").read_text())

    def run(self, *args: str) -> str:
        """What a program in the container prints; without terminal, which the scripts leave as `spec` wrote it."""
        config = self.config()
        config["process"] |= {"terminal": False, "args": list(args) or config["process"]["args"]}
        (self.bundle / "config.json").write_text(json.dumps(config))
        command = [*self.runtime.argv, "run", "--bundle", str(self.bundle), new_id()]
        environment = self.runtime.environment
        ran = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout


@pytest.fixture
def scripts(runtime: Runtime, place: Path) -> Scripts:
    return Scripts(runtime, place)


# ---- what they make


def test_busybox(scripts: Scripts) -> None:
    printed = scripts.make("busybox")
    assert scripts.config()["process"]["args"] == ["sh"]
    assert shlex.join([str(scripts.minirun), "run", str(scripts.bundle)]) in printed
    said = scripts.run(
        "sh", "-c", "id -un; cd /root; readlink -f /usr/bin/env; echo $((6 * 7)) | awk '{ print $1 + 1 }'"
    )
    assert said.split() == ["root", "/bin/busybox", "43"]


def test_busybox_modes_do_not_depend_on_the_umask(scripts: Scripts) -> None:
    scripts.make("busybox", umask=0o077)
    rootfs = scripts.bundle / "rootfs"
    modes = {name: stat.S_IMODE((rootfs / name).stat().st_mode) for name in (".", "bin/busybox", "tmp", "root", "proc")}
    assert modes == {".": 0o755, "bin/busybox": 0o755, "tmp": 0o1777, "root": 0o700, "proc": 0o755}
    assert stat.S_IMODE((rootfs / "etc/passwd").stat().st_mode) == 0o644


def test_host(scripts: Scripts) -> None:
    """awk is a link to a link on Debian, and /bin, where bash and ls may be asked for, a link to usr/bin."""
    scripts.make("host", "/bin/bash", "ls", "awk")
    assert scripts.config()["process"]["args"] == ["/bin/bash"]
    said = scripts.run("bash", "-c", "ls -d /proc/self; awk 'BEGIN { print 6 * 7 }'; /bin/bash -c 'echo $0'")
    assert said.split() == ["/proc/self", "42", "/bin/bash"]


def test_host_brings_nothing_that_was_not_asked_for(scripts: Scripts) -> None:
    scripts.make("host", "bash")
    programs = [path.name for path in (scripts.bundle / "rootfs" / "usr" / "bin").iterdir()]
    assert programs == ["bash"]


def test_host_brings_the_interpreters_of_scripts(scripts: Scripts, place: Path) -> None:
    script = place / "greet"
    script.write_text("#!/usr/bin/env -S GREETING=hello bash -e\necho $GREETING; false; echo not reached | cat\n")
    script.chmod(0o755)
    scripts.make("host", str(script), "true")
    script.write_text(script.read_text().replace("false", "true").replace(" | cat", ""))
    shutil.copy(script, scripts.bundle / "rootfs" / str(script).lstrip("/"))
    assert scripts.run().split() == ["hello", "not", "reached"]


@pytest.mark.slow
def test_debian(scripts: Scripts) -> None:
    if shutil.which("mmdebstrap") is None:
        pytest.skip("mmdebstrap is not installed")
    made = scripts.try_to_make("debian", prefix=())
    if any(words in made.stderr for words in NOT_REACHED):
        pytest.skip("no mirror of the distribution can be reached")
    assert made.returncode == 0, made.stderr
    assert scripts.config()["process"]["args"] == ["bash"]
    said = scripts.run("bash", "-c", "id -un; apt-get --version | head -n 1; python3 -c 'print(6 * 7)'")
    assert said.startswith("root\napt ")
    assert said.endswith("\n42\n")


def test_only_the_arguments_differ_from_spec(scripts: Scripts, place: Path) -> None:
    scripts.make("busybox")
    made = scripts.config()
    plain = place / "plain"
    plain.mkdir()
    subprocess.run([scripts.minirun, "spec", "--bundle", plain], env=scripts.runtime.environment, check=True)
    expected = json.loads((plain / "config.json").read_text())
    expected["process"]["args"] = ["sh"]
    assert made == expected


# ---- bundles that are there already


def test_a_bundle_is_not_overwritten(scripts: Scripts) -> None:
    scripts.bundle.mkdir()
    notes = scripts.bundle / "config.json"
    notes.write_text("mine")
    refused = scripts.try_to_make("busybox")
    assert refused.returncode == 1
    assert "--force" in refused.stderr
    assert notes.read_text() == "mine"
    assert list(scripts.bundle.iterdir()) == [notes]


def test_force_replaces_the_bundle_and_nothing_else(scripts: Scripts) -> None:
    scripts.make("host", "bash")
    (scripts.bundle / "notes").write_text("mine")
    scripts.make("busybox", "--force")
    assert not (scripts.bundle / "rootfs" / "usr" / "bin" / "bash").exists()
    assert (scripts.bundle / "notes").read_text() == "mine"
    assert scripts.run("echo", "again") == "again\n"


def test_an_empty_directory_will_do(scripts: Scripts) -> None:
    scripts.bundle.mkdir()
    scripts.make("busybox")
    assert (scripts.bundle / "rootfs" / "bin" / "sh").exists()


# ---- what can go wrong


def test_an_unknown_program_is_named(scripts: Scripts) -> None:
    failed = scripts.try_to_make("host", "ls", "nonesuch")
    assert failed.returncode == 1
    assert "nonesuch" in failed.stderr
    assert not scripts.bundle.exists()


def test_a_failure_half_way_leaves_nothing(scripts: Scripts, place: Path) -> None:
    script = place / "broken"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    failed = scripts.try_to_make("host", "ls", str(script))
    assert failed.returncode == 1
    assert failed.stderr.endswith("no program is called /no/such/interpreter\n")
    assert not scripts.bundle.exists()


def test_a_failure_leaves_a_directory_that_was_there(scripts: Scripts) -> None:
    scripts.bundle.mkdir()
    scripts.minirun.write_text("#!/bin/sh\nexit 1\n")
    assert scripts.try_to_make("busybox").returncode == 1
    assert list(scripts.bundle.iterdir()) == []


def test_a_busybox_with_shared_libraries_is_refused(scripts: Scripts, place: Path) -> None:
    """bash stands for it: any program that is linked with shared libraries."""
    (place / "path").mkdir()
    shutil.copy("/bin/bash", place / "path" / "busybox")
    failed = scripts.try_to_make("busybox", path=f"{place}/path:{os.environ['PATH']}")
    assert failed.returncode == 1
    assert "apt-get install busybox-static" in failed.stderr
    assert not scripts.bundle.exists()


@pytest.mark.parametrize(
    ("script", "missing", "package"), [("busybox", "busybox", "busybox-static"), ("debian", "mmdebstrap", "mmdebstrap")]
)
def test_a_missing_program_is_told_with_the_cure(
    scripts: Scripts, place: Path, script: str, missing: str, package: str
) -> None:
    failed = scripts.try_to_make(script, path=path_without(missing, place / "path"))
    assert failed.returncode == 1
    assert f"apt-get install {package}" in failed.stderr
    assert not scripts.bundle.exists()


def path_without(program: str, directory: Path) -> str:
    """A $PATH to all that is in /usr/bin except one program."""
    directory.mkdir()
    for entry in os.scandir("/usr/bin"):
        if entry.name != program:
            (directory / entry.name).symlink_to(entry.path)
    return str(directory)
