"""The files of a cgroup at two moments as what it uses, and of how much."""

from __future__ import annotations

import json

import pytest

from minirun.cgroups import usage
from minirun.cgroups.usage import MACHINE, Machine, Reading

GIB = 1 << 30
HOST = Machine(cpus=4, memory_bytes=8 * GIB, swap_bytes=2 * GIB, pids=32768)


def reading(seconds: float = 0.0, above: tuple[tuple[str, dict[str, str]], ...] = (), **own: str) -> Reading:
    """Files by their names, with _ for the dots."""
    return Reading(seconds, {name.replace("_", "."): text for name, text in own.items()}, above, HOST)


def cpu_stat(used: int, periods: int = 0, throttled: int = 0) -> str:
    return f"usage_usec {used}\nnr_periods {periods}\nnr_throttled {throttled}\nthrottled_usec {throttled * 1000}\n"


def test_processor_time_between_two_readings() -> None:
    before = reading(10.0, cpu_stat=cpu_stat(1_000_000, 100, 40), cpu_max="50000 100000\n")
    now = reading(12.0, cpu_stat=cpu_stat(1_800_000, 120, 55), cpu_max="50000 100000\n")
    told = usage.cpu(before, now)
    assert told is not None
    assert (told.used_cpus, told.limit_cpus, told.percent, told.machine_percent) == (0.4, 0.5, 80.0, 10.0)
    assert (told.throttled_percent, told.throttled_seconds, told.used_seconds) == (75.0, 0.055, 1.8)
    assert (told.bound_cpus, told.bound_by) == (0.5, "cpu.max")


def test_one_reading_tells_no_rate() -> None:
    told = usage.cpu(None, reading(cpu_stat=cpu_stat(5)))
    assert told is not None
    assert (told.used_cpus, told.percent, told.machine_percent, told.throttled_percent) == (None,) * 4
    disks = usage.io(None, reading(io_stat="8:0 rbytes=1 wbytes=2\n"))
    assert disks is not None and (disks.read_bytes, disks.read_bytes_per_second) == (1, None)


def test_a_cgroup_that_did_nothing_was_not_throttled() -> None:
    before, now = (reading(seconds, cpu_stat=cpu_stat(5, 7, 7), cpu_max="1000 100000") for seconds in (1.0, 2.0))
    told = usage.cpu(before, now)
    assert told is not None and (told.percent, told.throttled_percent) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("own", "above", "expected"),
    [
        ({}, {}, (4, MACHINE)),
        ({"cpu_max": "max 100000"}, {}, (4, MACHINE)),
        ({"cpu_max": "max 100000"}, {"cpu.max": "150000 100000"}, (1.5, "cpu.max of /minirun")),
        ({"cpu_max": "150000 100000"}, {"cpu.max": "150000 100000"}, (1.5, "cpu.max")),
        ({"cpu_max": "900000 100000"}, {}, (4, MACHINE)),
        ({"cpuset_cpus_effective": "0-3\n"}, {}, (4, MACHINE)),
        ({"cpuset_cpus_effective": "1,3\n"}, {}, (2, "cpuset.cpus")),
        ({"cpuset_cpus_effective": "1,3\n", "cpu_max": "100000 100000"}, {}, (1, "cpu.max")),
    ],
)
def test_what_bounds_the_processor_time(
    own: dict[str, str], above: dict[str, str], expected: tuple[float, str]
) -> None:
    told = usage.cpu(None, reading(cpu_stat=cpu_stat(0), above=(("/minirun", above),), **own))
    assert told is not None and (told.bound_cpus, told.bound_by) == expected


@pytest.mark.parametrize(
    ("own", "above", "expected"),
    [
        ({}, {}, (None, None, 8 * GIB, MACHINE)),
        ({"memory_max": f"{GIB}\n"}, {}, (GIB, None, GIB, "memory.max")),
        ({"memory_max": f"{GIB}\n", "memory_high": f"{GIB // 2}\n"}, {}, (GIB, GIB // 2, GIB // 2, "memory.high")),
        ({"memory_max": "max\n"}, {"memory.high": f"{GIB}"}, (None, None, GIB, "memory.high of /a")),
        ({"memory_max": f"{99 * GIB}\n"}, {}, (99 * GIB, None, 8 * GIB, MACHINE)),
    ],
)
def test_what_bounds_the_memory(
    own: dict[str, str], above: dict[str, str], expected: tuple[int | None, int | None, int, str]
) -> None:
    told = usage.memory(reading(memory_current=f"{GIB // 4}\n", above=(("/a/b", {}), ("/a", above)), **own))
    assert told is not None
    assert (told.limit_bytes, told.high_bytes, told.bound_bytes, told.bound_by) == expected
    assert told.percent == 100 * GIB // 4 / told.bound_bytes or told.bound_bytes > GIB


def test_memory_swap_pids_and_disks() -> None:
    files = {
        "memory_current": "300\n",
        "memory_max": "400\n",
        "memory_peak": "390\n",
        "memory_events": "low 0\nhigh 0\nmax 9\noom 3\noom_kill 2\noom_group_kill 0\n",
        "memory_swap_current": "5\n",
        "memory_swap_max": "0\n",
        "pids_current": "3\n",
        "pids_max": "12\n",
    }
    memory, swap, pids = (part(reading(**files)) for part in (usage.memory, usage.swap, usage.pids))
    assert memory == usage.MemoryUse(300, 400, None, 400, "memory.max", 75.0, 390, 2)
    assert swap == usage.SwapUse(5, 0, 0, "memory.swap.max", 100.0), "more than nothing is too much"
    assert pids == usage.PidsUse(3, 12, 12, "pids.max", 25.0)
    before, now = (
        reading(1.0, io_stat="8:0 rbytes=10 wbytes=0\n"),
        reading(3.0, io_stat="8:0 rbytes=50 wbytes=8\n9:0\n"),
    )
    assert usage.io(before, now) == usage.IoUse(50, 8, 20.0, 4.0)


def test_what_is_not_counted_is_none() -> None:
    """As on a host where version 1 has the controllers: cpu.stat and pressure are there without any."""
    line = "avg10={} avg60=0.00 avg300=0.00 total=9\n"
    bare = reading(
        cpu_stat="usage_usec 5\n", cpu_pressure="some " + line.format("12.50") + "full " + line.format("3.25")
    )
    assert [part(bare) for part in (usage.memory, usage.swap, usage.pids)] == [None] * 3
    assert usage.io(bare, bare) is None
    assert usage.pressure(bare) == usage.Pressure(usage.Waiting(12.5, 3.25), None, None)
    told = usage.cpu(reading(cpu_stat="usage_usec 5\n"), reading(1.0, cpu_stat="usage_usec 5\n"))
    assert told is not None and (told.used_cpus, told.throttled_percent, told.throttled_seconds) == (0.0, None, None)
    assert usage.cpu(None, reading()) is None


def test_json_has_the_names_of_the_fields() -> None:
    told = json.loads(json.dumps(usage.plain(usage.pressure(reading()))))
    assert told == {"cpu": None, "memory": None, "io": None}
    assert usage.plain(usage.Waiting(1.0, 0.0)) == {"some_percent": 1.0, "full_percent": 0.0}
