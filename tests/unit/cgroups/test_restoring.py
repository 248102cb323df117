"""Taking back what was written to a cgroup's file."""

from __future__ import annotations

import pytest

from minirun.cgroups.restoring import lines_to_restore


@pytest.mark.parametrize(
    ("name", "written", "before", "expected"),
    [
        ("memory.max", "5", "max\n", ["max"]),
        ("cpu.max", "50000 100000", "max 100000\n", ["max 100000"]),
        ("cpuset.cpus", "0", "\n", [""]),
        ("cpuset.cpus", "0", "", ["\n"]),
        (
            "io.max",
            "8:0 wbps=5",
            "8:0 rbps=1 wbps=max riops=max wiops=max\n8:16 rbps=2 wbps=max riops=max wiops=max\n",
            ["8:0 rbps=1 wbps=max riops=max wiops=max"],
        ),
        (
            "io.max",
            "8:1 wbps=5",
            "8:16 rbps=2 wbps=max riops=max wiops=max\n",
            ["8:1 rbps=max wbps=max riops=max wiops=max"],
        ),
        ("io.max", "8:1 wbps=5", "", ["8:1 rbps=max wbps=max riops=max wiops=max"]),
        ("io.weight", "default 5", "default 100\n8:0 7\n", ["default 100"]),
        ("io.weight", "8:0 5", "default 100\n8:0 7\n", ["8:0 7"]),
        ("io.bfq.weight", "8:0 5", "default 100\n", ["8:0 default"]),
        ("rdma.max", "mlx hca_handle=3", "mlx hca_handle=max hca_object=5\n", ["mlx hca_handle=max hca_object=5"]),
        ("rdma.max", "mlx hca_handle=3", "", ["mlx hca_handle=max hca_object=max"]),
        ("misc.max", "res_a 3", "res_a max\nres_b 5\n", ["res_a max", "res_b 5"]),
    ],
)
def test_what_brings_back_the_state_before(name: str, written: str, before: str, expected: list[str]) -> None:
    assert lines_to_restore(name, written, before) == expected
