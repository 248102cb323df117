"""Podman: containers from the first command to the last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from engines.kit.engines import on
from engines.kit.image import IMAGE

if TYPE_CHECKING:
    from engines.kit.podman import Podman

ROOT, ROOT_CGROUPFS = "Podman, root, systemd", "Podman, root, cgroupfs"
ROOTLESS, ROOTLESS_CGROUPFS = "Podman, rootless, systemd", "Podman, rootless, cgroupfs"


@pytest.mark.quick
@on(ROOT, ROOT_CGROUPFS, ROOTLESS, ROOTLESS_CGROUPFS)
def test_run(engine: Podman) -> None:
    """`run --rm` hands on output and exit status"""
    done = engine("run", "--rm", IMAGE, "sh", "-c", "echo out; echo err >&2; exit 3", status=3)
    assert (done.out, done.err) == ("out", "err")
