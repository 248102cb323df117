"""The config.json that `minirun spec` writes."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from minirun.errors import MinirunError
from minirun.spec.config import IdMapping
from minirun.spec.default import default, write
from minirun.spec.load import load, parse

RUNC = shutil.which("runc")


@pytest.mark.parametrize("rootless", [False, True])
def test_it_loads(rootless: bool) -> None:
    config = parse(default(rootless, 1000, 1001))
    assert config.process is not None
    assert config.process.args == ("sh",)


def test_rootless_maps_root_to_the_caller() -> None:
    linux = parse(default(True, 1000, 1001)).linux
    assert linux.uid_mappings == (IdMapping(0, 1000, 1),)
    assert linux.gid_mappings == (IdMapping(0, 1001, 1),)


def test_two_defaults_share_nothing() -> None:
    first = default(False, 0, 0)
    first["process"]["capabilities"]["bounding"].clear()
    first["linux"]["maskedPaths"].clear()
    first["mounts"][1]["options"].clear()
    assert default(False, 0, 0)["process"]["capabilities"]["bounding"]
    assert default(False, 0, 0)["linux"]["maskedPaths"]
    assert default(False, 0, 0)["mounts"][1]["options"]


@pytest.mark.skipif(RUNC is None, reason="runc, whose `spec` this is compared with, is not installed")
@pytest.mark.parametrize("rootless", [False, True])
def test_it_is_what_runc_writes(rootless: bool, tmp_path: Path) -> None:
    assert RUNC is not None
    subprocess.run([RUNC, "spec", *(["--rootless"] if rootless else [])], cwd=tmp_path, check=True)
    theirs = json.loads((tmp_path / "config.json").read_text())
    ours = default(rootless, os.geteuid(), os.getegid())
    for config in (theirs, ours):
        config["linux"]["namespaces"] = sorted(entry["type"] for entry in config["linux"]["namespaces"])
    intended(theirs, rootless)
    assert ours == theirs
    assert list(ours) == list(theirs)


def intended(theirs: dict[str, Any], rootless: bool) -> None:
    """Makes the intended differences in what runc wrote."""
    theirs["ociVersion"] = "1.0.2"  # versions of runc differ here, and the file needs nothing newer
    theirs["hostname"] = "minirun"
    theirs["process"]["capabilities"].pop("ambient", None)  # runc 1.1 still has them, later versions don't
    # runc lists a cgroup namespace on hosts that have version 2 alone, which is what minirun is for
    theirs["linux"]["namespaces"] = sorted({*theirs["linux"]["namespaces"], "cgroup"})
    if rootless:  # CVE-2023-25809: read-only is for the mounts below /sys, too
        options = next(mount for mount in theirs["mounts"] if mount["destination"] == "/sys")["options"]
        options[options.index("ro")] = "rro"


@pytest.mark.parametrize("rootless", [False, True])
def test_write(rootless: bool, tmp_path: Path) -> None:
    path = write(str(tmp_path), rootless)
    assert path == str(tmp_path / "config.json")
    assert load(str(tmp_path)) == parse(default(rootless, os.geteuid(), os.getegid()))
    assert os.listdir(tmp_path) == ["config.json"]


def test_write_is_readable_for_people(tmp_path: Path) -> None:
    text = Path(write(str(tmp_path), False)).read_text()
    assert text.startswith('{\n\t"ociVersion"')
    assert text.endswith("\n}\n")


def test_write_heeds_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        path = write(str(tmp_path), False)
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o640


@pytest.mark.parametrize("taken", ["file", "directory", "dangling link"])
def test_write_overwrites_nothing(taken: str, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    if taken == "file":
        path.touch()
    elif taken == "directory":
        path.mkdir()
    else:
        path.symlink_to("gone")
    with pytest.raises(MinirunError, match="exists"):
        write(str(tmp_path), False)
    assert os.listdir(tmp_path) == ["config.json"]
    assert taken != "file" or path.read_text() == ""


@pytest.mark.parametrize("bundle", ["none", "file"])
def test_write_without_a_directory(bundle: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MinirunError, match=r"no such file|not a directory"):
        write(str(tmp_path / bundle), False)


def test_write_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_arguments: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", no_links)
    write(str(tmp_path), False)
    assert os.listdir(tmp_path) == ["config.json"]
    with pytest.raises(MinirunError, match="exists"):
        write(str(tmp_path), False)
    assert os.listdir(tmp_path) == ["config.json"]


def test_write_on_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.link", full)
    with pytest.raises(MinirunError, match="no space left"):
        write(str(tmp_path), False)
    assert os.listdir(tmp_path) == []
