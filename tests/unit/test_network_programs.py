"""Programs that play a link for networks without root: of one that does not start, nothing stays."""

from __future__ import annotations

import os
from errno import ENOSPC
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from minirun.network import pasta, slirp
from minirun.network.operation import NetworkRefused
from minirun.network.pasta import StartPasta
from minirun.network.slirp import StartSlirp

if TYPE_CHECKING:
    from pathlib import Path

SITES: Any = SimpleNamespace(pid=os.getpid())


def programs(tmp_path: Path, script: str) -> dict[str, str]:
    """Which there are: `script` in the place of both that play a link."""
    file = tmp_path / "program"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return {"pasta": str(file), "slirp4netns": str(file), "sh": "/bin/sh", "tail": "/usr/bin/true"}


@pytest.mark.parametrize(
    ("script", "said"), [("echo no such thing >&2", "no such thing"), ("", "does not get ready"), (None, "no program")]
)
def test_no_descriptor_stays_open(
    script: str | None, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {} if script is None else programs(tmp_path, script)
    before = os.listdir("/proc/self/fd")
    for module, start in (
        (pasta, StartPasta("10.89.0.0/24", (), f"{tmp_path}/note")),
        (slirp, StartSlirp("10.89.0.0/24", f"{tmp_path}/socket")),
    ):
        monkeypatch.setattr(module, "find", found.get)
        with pytest.raises(NetworkRefused, match=said):
            start.apply(SITES)
    assert os.listdir("/proc/self/fd") == before


def test_a_program_that_can_not_be_noted_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody would know of it later. It holds the pipe as long as it is there."""

    def full(path: str, content: bytes, mode: int) -> None:
        assert content.split()[0].isdigit()
        raise OSError(ENOSPC, os.strerror(ENOSPC))

    monkeypatch.setattr(pasta, "find", programs(tmp_path, "exec sleep 1000").get)
    monkeypatch.setattr("minirun.kernel.files.replace_file", full)
    there, telling = os.pipe()
    with pytest.raises(OSError, match="No space left"):
        StartPasta("10.89.0.0/24", (), f"{tmp_path}/note").start(os.getpid(), telling, 2)
    os.close(telling)
    assert os.read(there, 1) == b""
    os.close(there)
