"""What an update has written is taken back: minirun.steps.cgroup_changes, on a directory in a cgroup's place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from minirun.kernel.libc import SystemCallError
from minirun.steps.cgroup_changes import ChangeLimit, CheckMemoryInUse
from minirun.steps.step import Channel, Context, Log, Refused

if TYPE_CHECKING:
    from pathlib import Path


def test_each_write_of_an_update_is_taken_back_even_where_a_file_is_written_twice(tmp_path: Path) -> None:
    before = {"cpu.max": "50000 100000\n", "cpu.max.burst": "40000\n"}
    for name, value in before.items():
        (tmp_path / name).write_text(value)
    context = Context(Log(), Channel())
    context.cgroup = str(tmp_path)
    steps = [
        ChangeLimit("cpu.max.burst", "0", ""),
        ChangeLimit("memory.swap.max", "0", "", optional=True),
        ChangeLimit("cpu.max", "20000 100000", ""),
        ChangeLimit("cpu.max.burst", "0", ""),
    ]
    for step in steps:
        step.apply(context)
    with pytest.raises(SystemCallError):
        ChangeLimit("pids.max", "5", "").apply(context)
    assert (tmp_path / "cpu.max.burst").read_text().startswith("0")
    for step in reversed(steps):
        step.undo(context)
    assert {name: (tmp_path / name).read_text()[: len(value)] for name, value in before.items()} == before


def test_where_the_kernel_counts_no_swap_none_is_in_use(tmp_path: Path) -> None:
    context = Context(Log(), Channel())
    context.cgroup = str(tmp_path)
    (tmp_path / "memory.current").write_text("30\n")
    CheckMemoryInUse(30).apply(context)
    CheckMemoryInUse(0, 30).apply(context)
    with pytest.raises(Refused, match=r"rejecting memory\+swap limit 20: the container uses 30 bytes now"):
        CheckMemoryInUse(0, 20).apply(context)
