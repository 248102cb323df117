"""Controllers that cgroup v2 does not have at some place, and why."""

from __future__ import annotations

import pytest

from minirun.cgroups import hierarchy

CGROUPS = """#subsys_name\thierarchy\tnum_cgroups\tenabled
cpu\t3\t1\t1
blkio\t4\t1\t1
memory\t0\t60\t1
pids\t0\t60\t1
"""


@pytest.fixture
def _hybrid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Version 1 has cpu and io, version 2 memory; pids is not there at all."""
    files = {"/proc/cgroups": CGROUPS, "/cg/cgroup.controllers": "memory\n"}
    monkeypatch.setattr(hierarchy.files, "read_file", files.__getitem__)


@pytest.mark.usefixtures("_hybrid")
def test_reasons_for_missing_controllers() -> None:
    assert hierarchy.reasons_for_missing("/cg", "/cg/minirun", {"cpu", "io", "memory", "pids"}) == [
        "no cpu, io controller in cgroup v2 here: cgroup v1 has it",
        "no memory controller for /minirun: a cgroup above does not hand it down (cgroup.subtree_control)",
        "no pids controller in cgroup v2 here: this kernel lacks it",
    ]


@pytest.mark.usefixtures("_hybrid")
def test_the_cure_for_io_which_version_1_calls_blkio() -> None:
    assert "cgroup_no_v1=io" in hierarchy.cure_for_missing("/cg", {"io"})
    assert "the kernel lacks it" in hierarchy.cure_for_missing("/cg", {"pids"})
