"""Podman: containers that are written to files, and go on from there. CRIU wants root, and a kernel of Debian's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from kernel.kit import needs

from engines.kit.engine import wait_until
from engines.kit.engines import on
from engines.kit.image import IMAGE
from engines.kit.podman import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from engines.kit.podman import Podman

pytestmark = [needs.criu(), pytest.mark.reference_fails("Debian's crun is built without CRIU")]

COUNT = "i=0; trap exit TERM; while true; do i=$((i + 1)); echo $i >/tmp/count; sleep 0.1; done"


def counting(engine: Podman) -> None:
    engine("run", "-d", "--name=one", "--network=none", IMAGE, "sh", "-c", COUNT)
    wait_until(lambda: count(engine) > 0, "the program counts")


def count(engine: Podman) -> int:
    said = engine("exec", "one", "cat", "/tmp/count").out  # empty in the middle of a write
    return int(said or 0)


def has_gone_on(engine: Podman, before: int) -> None:
    wait_until(lambda: count(engine) > before, "it goes on")
    assert count(engine) < before + 1000


@on(ROOT)
def test_checkpoint_restore(engine: Podman) -> None:
    """`container checkpoint`, `container restore`: a program goes on where it was"""
    counting(engine)
    before = count(engine)
    engine("container", "checkpoint", "one")
    assert engine.inspect("one", ".State.Checkpointed") == "true"
    engine("container", "restore", "one")
    has_gone_on(engine, before)


@on(ROOT)
def test_checkpoint_running(engine: Podman) -> None:
    """`container checkpoint --leave-running`"""
    counting(engine)
    engine("container", "checkpoint", "--leave-running", "one")
    has_gone_on(engine, count(engine))


@on(ROOT)
def test_checkpoint_export(engine: Podman, tmp_path: Path) -> None:
    """`container checkpoint --export`, `container restore --import`: on another host, say, and with its files"""
    archive = str(tmp_path / "one.tar.gz")
    counting(engine)
    before = count(engine)
    engine("container", "checkpoint", "--export", archive, "one")
    engine("rm", "one")
    engine("container", "restore", "--import", archive)
    has_gone_on(engine, before)
