"""What is said of a container that came up against a limit: runtime/limits_hit.py on the files of a made-up cgroup."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from minirun.cgroups.hits import hits
from minirun.runtime.limits_hit import tell
from minirun.steps.limits import SetLimit

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20


@pytest.fixture
def cgroup(tmp_path: Path) -> Path:
    files = {
        "memory.events": "low 0\nhigh 0\nmax 5\noom 1\noom_kill 2\n",
        "memory.events.local": "low 0\nhigh 0\nmax 5\noom 1\noom_kill 2\n",
        "memory.max": f"{64 * MIB}\n",
        "memory.peak": f"{63 * MIB + 512 * 1024}\n",
        "pids.events": "max 0\n",
        "pids.max": "7\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_the_limit_of_the_container_itself(cgroup: Path) -> None:
    (told,) = tell(str(cgroup), {})
    assert told == (
        "out of memory: the kernel killed 2 processes of the container (SIGKILL)\n"
        "  limit: 64.0 MiB, 67108864 bytes (memory.max)\n"
        "  peak:  63.5 MiB, 66584576 bytes (memory.peak)\n"
        "  cure:  raise /linux/resources/memory/limit in config.json, or have the program use less"
    )


def test_the_place_is_that_of_the_step_that_set_the_limit(cgroup: Path) -> None:
    place = "/linux/resources/unified/memory.max"
    steps = [
        SetLimit("memory.max", "1", "/linux/resources/memory/limit"),
        SetLimit("memory.max", str(64 * MIB), place),
        SetLimit("memory.low", "1", "/linux/resources/memory/reservation"),
    ]
    assert f"raise {place} in config.json" in tell(str(cgroup), {}, steps)[0]


def test_a_limit_below_or_above_is_another_ones(cgroup: Path) -> None:
    (cgroup / "memory.events.local").write_text("max 0\noom 0\noom_kill 0\n")
    assert "a cgroup below its own" in tell(str(cgroup), {})[0]
    (cgroup / "memory.events").write_text("max 0\noom 0\noom_kill 1\n")
    (told,) = tell(str(cgroup), {})
    assert "1 process of the container" in told and "not for its own limit" in told and "(memory.max)" not in told


def test_what_was_counted_before_is_not_told_again(cgroup: Path) -> None:
    assert tell(str(cgroup), hits(str(cgroup))) == []


def test_a_limit_of_processes(cgroup: Path) -> None:
    before = hits(str(cgroup))
    (cgroup / "pids.events").write_text("max 3\n")
    (told,) = tell(str(cgroup), before)
    assert "3 times" in told and "limit: 7 (pids.max)" in told and "raise /linux/resources/pids/limit" in told
    (cgroup / "pids.max").write_text("max\n")
    assert "not for its own limit" in tell(str(cgroup), before)[0]


def test_without_controllers_and_without_the_cgroup_there_is_nothing_to_tell(tmp_path: Path) -> None:
    assert tell(str(tmp_path), {}) == []
    assert tell(str(tmp_path / "gone"), {}) == []


def test_a_kernel_without_the_peak_tells_the_rest(cgroup: Path) -> None:
    (cgroup / "memory.peak").unlink()
    assert "peak:  not known" in tell(str(cgroup), {})[0]
