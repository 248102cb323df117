"""The class's machine, as far as can be seen without starting one: docs/classroom.md tells how it was tried."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from minirun.cli.table import COMMANDS

REPOSITORY = Path(__file__).parents[2]
PROVISION = REPOSITORY / "tests/vm/provision"
BOOTABLE = REPOSITORY / "classroom/bootable"


def need(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path


def user_data(*words: str, checkout: Path = REPOSITORY) -> bytes:
    return subprocess.run([checkout / "classroom/user-data", *words], stdout=subprocess.PIPE, check=True).stdout


def embedded() -> bytes:
    """The archive inside of the user data that has everything in one piece."""
    content = re.search(rb"^    content: (\S+)$", user_data(), re.MULTILINE)
    assert content
    return base64.b64decode(content[1], validate=True)


def files(archive: bytes) -> dict[str, tuple[int, bytes]]:
    """Mode and content of each file in an archive."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        found = [(member, tar.extractfile(member)) for member in tar if member.isfile()]
        return {member.name: (member.mode, file.read()) for member, file in found if file}


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """What a machine of the class has in /opt/minirun."""
    place = tmp_path / "minirun"
    place.mkdir()
    subprocess.run(["tar", "--extract", "--gzip", "--directory", place], input=embedded(), check=True)
    return place


# ---- what goes into the machine


def test_the_archive_has_what_the_machine_needs_and_no_caches() -> None:
    names = files(embedded())
    assert {"minirun/__main__.py", "rootfs/common.sh", "tests/vm/provision", "classroom/set-up"} <= names.keys()
    assert [name for name in names if "__pycache__" in name or name.startswith(".")] == []


def test_the_archive_is_the_same_wherever_it_is_packed(machine: Path) -> None:
    """Another copy, with other times and modes, and with what Python leaves behind."""
    subprocess.run([sys.executable, "-m", "compileall", "-q", machine / "minirun"], check=True)
    for path in machine.rglob("*"):
        path.chmod(path.stat().st_mode & 0o700)
        os.utime(path, (1e9, 1e9))
    assert user_data("--sources", checkout=machine) == user_data("--sources")


def test_user_data_knows_the_sum_of_the_archive() -> None:
    expected = f"echo '{hashlib.sha256(user_data('--sources')).hexdigest()}  /root/minirun.tar.gz' | sha256sum --check"
    assert expected in user_data().decode()
    assert expected in user_data("--url", "http://example.org/minirun.tar.gz").decode()


def test_user_data_that_fetches_is_small_enough_for_every_cloud() -> None:
    """Amazon's limit is the lowest of those that docs/classroom.md lists."""
    assert len(user_data("--url", "http://example.org/minirun.tar.gz")) < 16 * 1024


@pytest.mark.parametrize("words", [[], ["--url", "http://example.org/minirun.tar.gz"]], ids=["embedded", "fetched"])
def test_user_data_is_cloud_config(tmp_path: Path, words: list[str]) -> None:
    file = tmp_path / "user-data"
    file.write_bytes(user_data(*words))
    subprocess.run([need("cloud-init"), "schema", "--config-file", file], check=True)


@pytest.mark.parametrize("words", [["--url"], ["--sources", "more"], ["--unknown"]])
def test_user_data_refuses_other_words(words: list[str]) -> None:
    done = subprocess.run([REPOSITORY / "classroom/user-data", *words], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (2, b"")


# ---- Vagrant


def vagrant(tmp_path: Path, *words: str) -> None:
    home = {
        "VAGRANT_HOME": str(tmp_path / "home"),
        "VAGRANT_DOTFILE_PATH": str(tmp_path),
        "VAGRANT_CHECKPOINT_DISABLE": "1",
    }
    subprocess.run([need("vagrant"), *words], cwd=REPOSITORY, env=os.environ | home, check=True)


def test_vagrant_packs_the_same_files_and_its_file_is_valid(tmp_path: Path) -> None:
    vagrant(tmp_path, "validate", "--ignore-provider")
    assert files((tmp_path / "minirun.tar.gz").read_bytes()) == files(embedded())


# ---- the box


@pytest.mark.parametrize("words", [[], ["stick", "mirror", "more"]])
def test_the_box_refuses_other_words(words: list[str]) -> None:
    done = subprocess.run([REPOSITORY / "classroom/box", *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "usage: sudo classroom/box DIRECTORY" in done.stderr


def test_what_makes_a_disk_bootable_refuses_other_words() -> None:
    """It would change the machine that it runs in."""
    done = subprocess.run([BOOTABLE, "--package"], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (2, b"")


def test_the_box_lets_vagrant_in() -> None:
    keys = list(Path("/").glob("usr/share/rubygems-integration/*/gems/vagrant-*/keys/vagrant.pub"))
    if not keys:
        pytest.skip("vagrant is not installed, which has the key")
    assert (REPOSITORY / "classroom/vagrant.pub").read_text() == keys[0].read_text()


def test_the_parts_of_the_virtual_box_belong_together() -> None:
    """Its disk is the file that classroom/box packs beside it, and hangs on the controller."""
    ovf, rasd = "{http://schemas.dmtf.org/ovf/envelope/1}", "{*}"
    envelope = ElementTree.parse(REPOSITORY / "classroom/box.ovf").getroot()
    file, disk = envelope.find(f".//{ovf}File"), envelope.find(f".//{ovf}Disk")
    assert file is not None
    assert disk is not None
    assert f"virtualbox/{file.get(f'{ovf}href')}" in (REPOSITORY / "classroom/box").read_text()
    assert (disk.get(f"{ovf}fileRef"), disk.get(f"{ovf}capacity")) == (file.get(f"{ovf}id"), "SIZE")
    items = {item.findtext(f"{rasd}InstanceID"): item for item in envelope.iter(f"{ovf}Item")}
    drive = next(item for item in items.values() if item.findtext(f"{rasd}ResourceType") == "17")
    assert drive.findtext(f"{rasd}HostResource") == f"/disk/{disk.get(f'{ovf}diskId')}"
    assert items[drive.findtext(f"{rasd}Parent")].findtext(f"{rasd}ResourceSubType") == "AHCI"


# ---- what the machine does with it


def test_minirun_runs_from_the_sources_through_a_link(machine: Path, tmp_path: Path) -> None:
    """And imports nothing of a directory that somebody else may have prepared."""
    (tmp_path / "minirun.py").write_text("raise SystemExit('the wrong one')")
    (tmp_path / "link").symlink_to(machine / "scripts/minirun")
    words = ["./link", "--root", "/mnt", "list"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert (done.stdout.split()[0], done.stderr) == ("ID", "")


def test_the_greeting_names_files_that_are_there(machine: Path) -> None:
    named = re.findall(r"/opt/minirun/([\w/.-]+)", (machine / "classroom/motd").read_text())
    assert named
    assert [name for name in named if not (machine / name).is_file()] == []


def test_the_greeting_fits_on_a_terminal_and_leads_to_the_labs() -> None:
    greeting = (REPOSITORY / "classroom/motd").read_text()
    lines = greeting.splitlines()
    assert [line for line in lines if len(line) > 80] == []
    assert len(lines) <= 20  # of 24, of which the log-in takes some
    named = re.findall(r"minirun (?!mine)([a-z]+) ", greeting)
    assert named[:3] == ["lab", "lab", "run"]
    assert {"explain", "inspect"} <= set(named) <= set(COMMANDS)


def test_tmux_takes_its_file(tmp_path: Path) -> None:
    """It says what it does not understand only to somebody who asks, and starts all the same."""
    tmux = [need("tmux"), "-S", tmp_path / "socket", "-f", "/dev/null"]
    source = ["start-server", ";", "source-file", REPOSITORY / "classroom/tmux.conf", ";", "show", "-g", "mouse"]
    done = subprocess.run([*tmux, *source], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "mouse on\n", "")


def packages(*group: str, script: Path = PROVISION) -> list[str]:
    done = subprocess.run([script, "--packages", *group], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_debian_has_the_packages() -> None:
    if "VERSION_CODENAME=bookworm" not in Path("/etc/os-release").read_text():
        pytest.skip("not Debian 12, whose packages these are")
    if not list(Path("/var/lib/apt/lists").glob("*_Packages*")):
        pytest.skip("apt-get update has not run")
    wanted = packages() + packages("class") + packages(script=BOOTABLE)
    known = subprocess.run([need("apt-cache"), "madison", *wanted], capture_output=True, text=True, check=True).stdout
    assert set(wanted) - {line.split()[0] for line in known.splitlines()} == set()


def test_what_only_a_class_needs_is_not_in_the_machine_for_tests() -> None:
    assert set(packages()) & set(packages("class")) == set()
    assert "man-db" in packages("class")
