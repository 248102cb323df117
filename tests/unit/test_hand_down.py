"""Controllers on the way to a container's cgroup, where the way belongs to somebody else."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from minirun.kernel import files
from minirun.kernel.libc import SystemCallError
from minirun.steps.limits import EnableControllers

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_handed_down_already_takes_no_rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As root of a user namespace sees it above a cgroup of its own: `podman run --cgroups=split` without root."""

    def refuse(path: str, _: str) -> None:
        raise SystemCallError(errno.EACCES, "open", f'open("{path}")')

    control = tmp_path / "cgroup.subtree_control"
    control.write_text("cpu memory pids\n")
    monkeypatch.setattr(files, "write_file", refuse)
    EnableControllers("/one", ("memory", "pids")).hand_down(str(control), ["cpu", "io", "memory", "pids"])
    with pytest.raises(SystemCallError):
        EnableControllers("/one", ("io",)).hand_down(str(control), ["cpu", "io", "memory", "pids"])
