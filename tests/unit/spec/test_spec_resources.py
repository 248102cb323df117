"""config.json's /linux/resources."""

from __future__ import annotations

from typing import Any

import pytest
from unit.spec.spec_helpers import Bad, bad, load_changed

from minirun.spec.config import (
    BlockIO,
    Cpu,
    DeviceRule,
    HugepageLimit,
    Memory,
    Rdma,
    Resources,
    ThrottleDevice,
    WeightDevice,
)

R = "/linux/resources"
RULES = f"{R}/devices"
MEMORY = f"{R}/memory"
CPU = f"{R}/cpu"
IO = f"{R}/blockIO"
HUGE = f"{R}/hugepageLimits"
RDMA = f"{R}/rdma"
UNIFIED = f"{R}/unified"
DISK = {"major": 8, "minor": 0}


def resources(**groups: Any) -> Resources:
    return load_changed({R: groups}).linux.resources


def rule(**changes: object) -> list[dict[str, object]]:
    return [{"allow": True, **changes}]


@bad(
    Bad(RULES, [{}], f"{RULES}/0/allow", says="missing"),
    Bad(RULES, rule(allow="yes"), f"{RULES}/0/allow"),
    Bad(RULES, rule(type="p"), f"{RULES}/0/type"),
    Bad(RULES, rule(type="u"), f"{RULES}/0/type"),
    Bad(RULES, rule(access=""), f"{RULES}/0/access"),
    Bad(RULES, rule(access="ax"), f"{RULES}/0/access", says="r, w and m"),
    Bad(RULES, rule(access=7), f"{RULES}/0/access"),
    Bad(RULES, rule(major=-2), f"{RULES}/0/major"),
    Bad(RULES, rule(minor="*"), f"{RULES}/0/minor"),
    Bad(RULES, rule(minor=2**31), f"{RULES}/0/minor"),
)
def test_bad_device_rules(row: Bad) -> None:
    row.check()


@bad(
    Bad(MEMORY, []),
    Bad(MEMORY, {"limit": "64M"}, f"{MEMORY}/limit"),
    Bad(MEMORY, {"limit": -2}, f"{MEMORY}/limit"),
    Bad(MEMORY, {"limit": 2**63}, f"{MEMORY}/limit"),
    Bad(MEMORY, {"limit": 1.5}, f"{MEMORY}/limit"),
    Bad(MEMORY, {"reservation": -2}, f"{MEMORY}/reservation"),
    Bad(MEMORY, {"swap": -2}, f"{MEMORY}/swap"),
    Bad(MEMORY, {"limit": 10, "swap": 9}, f"{MEMORY}/swap", says="10"),
    Bad(MEMORY, {"limit": 0, "swap": 9}, f"{MEMORY}/swap", says="limit"),
    Bad(MEMORY, {"swap": 9}, f"{MEMORY}/swap", says="limit"),
    Bad(MEMORY, {"useHierarchy": 1}, f"{MEMORY}/useHierarchy"),
    Bad(MEMORY, {"checkBeforeUpdate": "x"}, f"{MEMORY}/checkBeforeUpdate"),
    Bad(CPU, {"shares": -1}, f"{CPU}/shares"),
    Bad(CPU, {"shares": 2**64}, f"{CPU}/shares"),
    Bad(CPU, {"quota": -2}, f"{CPU}/quota"),
    Bad(CPU, {"period": -1}, f"{CPU}/period"),
    Bad(CPU, {"burst": -1}, f"{CPU}/burst"),
    Bad(CPU, {"quota": 1000, "burst": 1001}, f"{CPU}/burst", says="1000"),
    Bad(CPU, {"idle": 2}, f"{CPU}/idle"),
    Bad(CPU, {"cpus": 0}, f"{CPU}/cpus"),
    Bad(CPU, {"mems": [0]}, f"{CPU}/mems"),
    Bad(f"{R}/pids", {"limit": -2}, f"{R}/pids/limit"),
    Bad(f"{R}/pids", 5),
)
def test_bad_limits(row: Bad) -> None:
    row.check()


@bad(
    Bad(MEMORY, {"kernel": 1}, f"{MEMORY}/kernel", says="version 2"),
    Bad(MEMORY, {"kernelTCP": 1}, f"{MEMORY}/kernelTCP", says="version 2"),
    Bad(MEMORY, {"swappiness": 0}, f"{MEMORY}/swappiness", says="version 2"),
    Bad(MEMORY, {"swappiness": 60}, f"{MEMORY}/swappiness", says="version 2"),
    Bad(MEMORY, {"disableOOMKiller": True}, f"{MEMORY}/disableOOMKiller", says="version 2"),
    Bad(CPU, {"realtimeRuntime": 1}, f"{CPU}/realtimeRuntime", says="version 2"),
    Bad(CPU, {"realtimePeriod": 1}, f"{CPU}/realtimePeriod", says="version 2"),
    Bad(IO, {"leafWeight": 10}, f"{IO}/leafWeight", says="version 2"),
    Bad(IO, {"weightDevice": [{**DISK, "leafWeight": 10}]}, f"{IO}/weightDevice/0/leafWeight", says="version 2"),
    Bad(f"{R}/network", {"classID": 1}, f"{R}/network/classID", says="version 2"),
    Bad(f"{R}/network", {"priorities": [{}]}, f"{R}/network/priorities", says="version 2"),
    Bad(f"{R}/network", {"classID": {}}, f"{R}/network/classID"),
)
def test_what_only_cgroup_v1_has(row: Bad) -> None:
    row.check()


def test_what_engines_send_for_nothing() -> None:
    zeros: dict[str, dict[str, object]] = {
        "memory": {
            "limit": 0,
            "reservation": 0,
            "swap": 0,
            "kernel": 0,
            "kernelTCP": 0,
            "swappiness": None,
            "disableOOMKiller": False,
            "useHierarchy": False,
            "checkBeforeUpdate": False,
        },
        "cpu": {
            "shares": 0,
            "quota": 0,
            "period": 0,
            "realtimeRuntime": 0,
            "realtimePeriod": 0,
            "cpus": "",
            "mems": "",
            "burst": None,
            "idle": None,
        },
        "network": {"classID": 0, "priorities": []},
        "blockIO": {"weight": 0, "leafWeight": 0, "weightDevice": [], "throttleReadBpsDevice": None},
        "pids": {"limit": None},
        "rdma": {},
        "unified": {},
    }
    assert resources(**zeros, hugepageLimits=[]) == Resources(memory=Memory(), cpu=Cpu(), block_io=BlockIO())


def test_minus_one_is_no_limit() -> None:
    memory = {"limit": -1, "reservation": -1, "swap": -1, "kernel": -1, "kernelTCP": -1}
    read = resources(memory=memory, cpu={"quota": -1}, pids={"limit": -1})
    assert read == Resources(memory=Memory(-1, -1, -1), cpu=Cpu(quota=-1), pids_limit=-1)


def test_no_processes_is_a_limit() -> None:
    assert resources(pids={"limit": 0}).pids_limit == 0


@pytest.mark.parametrize(
    "memory",
    [
        {"limit": 5, "swap": 5},
        {"limit": 5, "swap": 2**63 - 1},
        {"limit": -1, "swap": 5},
        {"limit": 5, "swap": -1},
        {"swap": -1},
    ],
)
def test_memory_and_swap(memory: dict[str, int]) -> None:
    assert resources(memory=memory).memory == Memory(**memory)


@pytest.mark.parametrize(
    "cpu", [{"quota": 5, "burst": 5}, {"quota": -1, "burst": 5}, {"burst": 5}, {"burst": 0}, {"idle": 0}]
)
def test_cpu_borders(cpu: dict[str, Any]) -> None:
    assert resources(cpu=cpu).cpu == Cpu(**cpu)


def test_cpu() -> None:
    cpu: dict[str, Any] = {
        "shares": 1024,
        "quota": 50,
        "period": 100,
        "burst": 10,
        "idle": 1,
        "cpus": "0-1",
        "mems": "0",
    }
    assert resources(cpu=cpu).cpu == Cpu(**cpu)


def test_device_rules_keep_their_order() -> None:
    rules = [
        *rule(allow=False, access="rwm"),
        *rule(type="c", major=1, minor=3, access="rw"),
        *rule(type="b", major=-1),
    ]
    assert resources(devices=rules).devices == (
        DeviceRule(allow=False),
        DeviceRule(allow=True, type="c", major=1, minor=3, access="rw"),
        DeviceRule(allow=True, type="b", major=None, minor=None, access="rwm"),
    )


def test_device_rules_at_the_borders() -> None:
    rules = [*rule(type="a", major=0, minor=2**31 - 1, access="m"), *rule(type=None, minor=-1, access=None)]
    assert resources(devices=rules).devices == (DeviceRule(True, "a", 0, 2**31 - 1, "m"), DeviceRule(True))


def test_letters_beside_the_three_are_ignored() -> None:
    rules = [*rule(access="rwa"), *rule(allow=False, access="M m")]
    assert resources(devices=rules).devices == (DeviceRule(True, access="rw"), DeviceRule(False, access="m"))


def test_the_biggest_limits() -> None:
    memory = dict.fromkeys(("limit", "reservation", "swap"), 2**63 - 1)
    cpu: dict[str, Any] = {"shares": 2**64 - 1, "quota": 2**63 - 1, "period": 2**64 - 1, "burst": 2**63 - 1}
    assert resources(memory=memory, cpu=cpu) == Resources(memory=Memory(**memory), cpu=Cpu(**cpu))


def test_check_before_update() -> None:
    assert resources(memory={"checkBeforeUpdate": True}).memory == Memory(check_before_update=True)


# ---- block devices


@bad(
    Bad(IO, {"weight": 9}, f"{IO}/weight"),
    Bad(IO, {"weight": 1001}, f"{IO}/weight"),
    Bad(IO, {"weight": "500"}, f"{IO}/weight"),
    Bad(IO, {"weightDevice": [{**DISK}]}, f"{IO}/weightDevice/0/weight", says="missing"),
    Bad(IO, {"weightDevice": [{**DISK, "weight": 0}]}, f"{IO}/weightDevice/0/weight"),
    Bad(IO, {"weightDevice": [{"major": 8, "weight": 10}]}, f"{IO}/weightDevice/0/minor", says="missing"),
    Bad(IO, {"throttleReadBpsDevice": [{**DISK}]}, f"{IO}/throttleReadBpsDevice/0/rate", says="missing"),
    Bad(IO, {"throttleWriteBpsDevice": [{**DISK, "rate": -1}]}, f"{IO}/throttleWriteBpsDevice/0/rate"),
    Bad(IO, {"throttleReadIOPSDevice": [{**DISK, "rate": 2**64}]}, f"{IO}/throttleReadIOPSDevice/0/rate"),
    Bad(IO, {"throttleWriteIOPSDevice": [{"minor": 0, "rate": 1}]}, f"{IO}/throttleWriteIOPSDevice/0/major"),
    Bad(IO, {"throttleReadBpsDevice": [{"major": -1, "minor": 0, "rate": 1}]}, f"{IO}/throttleReadBpsDevice/0/major"),
)
def test_bad_limits_for_disks(row: Bad) -> None:
    row.check()


def test_limits_for_disks() -> None:
    rates = {
        name: [{"major": 8, "minor": 16, "rate": number}]
        for number, name in enumerate(
            (
                "throttleReadBpsDevice",
                "throttleWriteBpsDevice",
                "throttleReadIOPSDevice",
                "throttleWriteIOPSDevice",
            )
        )
    }
    weights = {"weight": 10, "weightDevice": [{**DISK, "weight": 1000, "leafWeight": 0}]}
    assert resources(blockIO={**weights, **rates}).block_io == BlockIO(
        10, (WeightDevice(8, 0, 1000),), *((ThrottleDevice(8, 16, number),) for number in range(4))
    )


# ---- huge pages, RDMA, files by name


@bad(
    Bad(HUGE, [{"limit": 1}], f"{HUGE}/0/pageSize", says="missing"),
    Bad(HUGE, [{"pageSize": "2MB"}], f"{HUGE}/0/limit", says="missing"),
    Bad(HUGE, [{"pageSize": "2MB", "limit": -1}], f"{HUGE}/0/limit"),
    Bad(HUGE, [{"pageSize": "2mb", "limit": 1}], f"{HUGE}/0/pageSize"),
    Bad(HUGE, [{"pageSize": "02MB", "limit": 1}], f"{HUGE}/0/pageSize"),
    Bad(HUGE, [{"pageSize": "MB", "limit": 1}], f"{HUGE}/0/pageSize"),
    Bad(HUGE, [{"pageSize": "", "limit": 1}], f"{HUGE}/0/pageSize"),
    Bad(HUGE, [{"pageSize": "2097152", "limit": 1}], f"{HUGE}/0/pageSize"),
    Bad(HUGE, [{"pageSize": "../2MB", "limit": 1}], f"{HUGE}/0/pageSize"),
    Bad(RDMA, {"mlx5_1": {}}, f"{RDMA}/mlx5_1", says="neither"),
    Bad(RDMA, {"mlx5_1": {"hcaHandles": -1}}, f"{RDMA}/mlx5_1/hcaHandles"),
    Bad(RDMA, {"mlx5_1": {"hcaObjects": 2**32}}, f"{RDMA}/mlx5_1/hcaObjects"),
    Bad(RDMA, {"a b": {"hcaHandles": 1}}, f"{RDMA}/a b"),
    Bad(RDMA, {"": {"hcaHandles": 1}}, f"{RDMA}/"),
    Bad(UNIFIED, {"memory.high": 5}, f"{UNIFIED}/memory.high"),
    Bad(UNIFIED, {"../memory.high": "5"}, f"{UNIFIED}/..~1memory.high"),
    Bad(UNIFIED, {"below/memory.high": "5"}, f"{UNIFIED}/below~1memory.high"),
    Bad(UNIFIED, {"..": "5"}, f"{UNIFIED}/.."),
    Bad(UNIFIED, {"tasks": "5"}, f"{UNIFIED}/tasks"),
    Bad(UNIFIED, {"": "5"}, f"{UNIFIED}/"),
)
def test_bad_limits_by_name(row: Bad) -> None:
    row.check()


def test_limits_by_name() -> None:
    read = resources(
        hugepageLimits=[{"pageSize": "2MB", "limit": 0}, {"pageSize": "64KB", "limit": 2**64 - 1}],
        rdma={"mlx5_1": {"hcaHandles": 3, "hcaObjects": 10000}, "rxe3": {"hcaObjects": 0}},
        unified={"memory.high": "1", "flavour.max": "", "cgroup.max.depth": "3"},
    )
    assert read == Resources(
        hugepage_limits=(HugepageLimit("2MB", 0), HugepageLimit("64KB", 2**64 - 1)),
        rdma=(Rdma("mlx5_1", 3, 10000), Rdma("rxe3", None, 0)),
        unified={"memory.high": "1", "flavour.max": "", "cgroup.max.depth": "3"},
    )
