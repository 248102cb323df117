"""The limits of config.json, value by value, as the files of the container's cgroup show them.

Each container has many limits at once; which of them depends on the controllers that are there. Where another runtime
is known to write something else, DEVIATIONS has what that is, and why; anything else that differs is a failure.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kernel.kit import needs
from kernel.kit.outside import cgroup2_root

pytestmark = [pytest.mark.root, needs.cgroup2()]

MIB = 1 << 20


def a_disk() -> str:
    """The numbers of a disk, MAJOR:MINOR."""
    disks = (path for path in Path("/sys/block").iterdir() if not path.name.startswith(("loop", "ram", "zram")))
    return next(((path / "dev").read_text().strip() for path in disks), "")


def throttles() -> dict[str, list[dict[str, int]]]:
    """One rate for each of the four kinds."""
    if not a_disk():
        return {}
    major, minor = map(int, a_disk().split(":"))
    rates = {"ReadBps": MIB, "WriteBps": 2 * MIB, "ReadIOPS": 100, "WriteIOPS": 200}
    return {f"throttle{kind}Device": [{"major": major, "minor": minor, "rate": rate}] for kind, rate in rates.items()}


IO_MAX = f"{a_disk()} rbps={MIB} wbps={2 * MIB} riops=100 wiops=200" if a_disk() else ""

# Name -> controller -> the limits in config.json, and the files with what they say then.
CASES: dict[str, dict[str, tuple[dict[str, Any], dict[str, str]]]] = {
    "limits of every kind": {
        "memory": (
            {
                "memory": {"limit": 64 * MIB, "reservation": 32 * MIB, "swap": 96 * MIB},
                "unified": {"memory.high": str(48 * MIB), "memory.min": "4096", "memory.oom.group": "1"},
            },
            {
                "memory.max": str(64 * MIB),
                "memory.low": str(32 * MIB),
                "memory.swap.max": str(32 * MIB),
                "memory.high": str(48 * MIB),
                "memory.min": "4096",
                "memory.oom.group": "1",
            },
        ),
        "cpu": (
            {"cpu": {"shares": 512, "quota": 50000, "period": 100000, "burst": 20000}},
            {"cpu.weight": "59", "cpu.max": "50000 100000", "cpu.max.burst": "20000"},
        ),
        "pids": (
            {"pids": {"limit": 50}, "unified": {"cgroup.max.depth": "3"}},
            {"pids.max": "50", "cgroup.max.depth": "3"},
        ),
        "io": ({"blockIO": throttles()}, {"io.max": IO_MAX}),
    },
    "limits that not every machine has": {
        "cpuset": ({"cpu": {"cpus": "0", "mems": "0"}}, {"cpuset.cpus": "0", "cpuset.mems": "0"}),
        "hugetlb": (
            {"hugepageLimits": [{"pageSize": "2MB", "limit": 4 * MIB}]},
            {"hugetlb.2MB.max": str(4 * MIB), "hugetlb.2MB.rsvd.max": str(4 * MIB)},
        ),
    },
    "no limit, in so many words": {
        "memory": (
            {"memory": {"limit": -1, "reservation": -1}},
            {"memory.max": "max", "memory.low": "max", "memory.swap.max": "max"},
        ),
        "cpu": (
            {"cpu": {"shares": 2, "quota": -1, "period": 50000, "idle": 0}},
            {"cpu.weight": "1", "cpu.max": "max 50000", "cpu.idle": "0"},
        ),
        "pids": ({"pids": {"limit": -1}}, {"pids.max": "max"}),
    },
    "the ends of the ranges": {
        "memory": (
            {"memory": {"limit": 64 * MIB + 1, "swap": 64 * MIB + 1}},  # the kernel counts in pages
            {"memory.max": str(64 * MIB), "memory.swap.max": "0", "memory.low": "0"},
        ),
        "cpu": (
            {"cpu": {"shares": 262144, "quota": 900000, "period": 1000000}},
            {"cpu.weight": "10000", "cpu.max": "900000 1000000"},
        ),
        "pids": ({"pids": {"limit": 0}}, {"pids.max": "1"}),
    },
    "one without the other": {
        "memory": ({"memory": {"reservation": 32 * MIB}}, {"memory.max": "max", "memory.low": str(32 * MIB)}),
        "cpu": ({"cpu": {"shares": 1024, "period": 50000}}, {"cpu.weight": "100", "cpu.max": "max 50000"}),
        "pids": ({"unified": {"pids.max": "33"}}, {"pids.max": "33"}),
    },
    "some that win over others": {
        "memory": (
            {"memory": {"limit": 64 * MIB, "swap": -1}, "unified": {"memory.max": str(32 * MIB)}},
            {"memory.max": str(32 * MIB), "memory.swap.max": "max"},
        ),
        "cpu": ({"cpu": {"idle": 1, "shares": 1024, "quota": 5000}}, {"cpu.idle": "1", "cpu.max": "5000 100000"}),
        "pids": ({"pids": {"limit": 50}, "unified": {"pids.max": "60"}}, {"pids.max": "60"}),
    },
}

LINE = "converts along a straight line, which gives a container of 1024 shares 39, not the default weight"
ZERO = "takes 0 for a limit that is not set, though the spec has it as a limit"

# Runtime, file and right value -> what this version has there, and why.
DEVIATIONS = {
    ("runc", "cpu.weight", "59"): ("20", LINE),
    ("crun", "cpu.weight", "59"): ("20", LINE),
    ("runc", "cpu.weight", "100"): ("39", LINE),
    ("crun", "cpu.weight", "100"): ("39", LINE),
    ("runc", "cpu.max.burst", "20000"): ("0", "1.1.5 does not know it yet"),
    ("crun", "cpu.max.burst", "20000"): ("0", "1.8.1 does not know it yet"),
    ("runc", "cpu.idle", "1"): ("0", "1.1.5 does not know it yet"),
    ("runc", "pids.max", "1"): ("max", ZERO),
    ("crun", "pids.max", "1"): ("max", ZERO),
    ("runc", "hugetlb.2MB.rsvd.max", str(4 * MIB)): ("max", "1.1.5 limits the pages only when they are touched"),
    ("crun", "hugetlb.2MB.rsvd.max", str(4 * MIB)): ("max", "1.8.1 limits the pages only when they are touched"),
}


def merged(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """linux.resources of several controllers, some of which share an object."""
    made: dict[str, Any] = {}
    for part in parts:
        for name, value in part.items():
            made[name] = made.get(name, {}) | value if isinstance(value, dict) else value
    return made


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_files_say_what_the_limits_are(runtime, bundle, case):
    here = [parts for controller, parts in case.items() if controller in needs.controllers()]
    if not here:
        pytest.skip("cgroup v2 has none of these controllers on this host")
    made = bundle("sleep")
    made.linux["resources"] = merged([resources for resources, _files in here])
    expected = {name: value for _resources, files in here for name, value in files.items()}
    with runtime.running(made) as container:
        place = cgroup2_root() / container.cgroup().lstrip("/")
        told = {name: (place / name).read_text().strip() for name in expected}
    known = {name: DEVIATIONS.get((runtime.name, name, value), (value,))[0] for name, value in expected.items()}
    assert {name: value for name, value in told.items() if value not in (expected[name], known[name])} == {}
