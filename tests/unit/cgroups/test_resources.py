"""The limits of config.json as the files of cgroup v2: config-linux.md#control-groups."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minirun.cgroups.resources import CgroupFile, files, io_weight, weight
from minirun.errors import ConfigError
from minirun.spec.config import (
    BlockIO,
    Cpu,
    HugepageLimit,
    Memory,
    Rdma,
    Resources,
    ThrottleDevice,
    WeightDevice,
)

GIB = 1 << 30
DISK = (ThrottleDevice(8, 16, 1048576),)


def written(resources: Resources) -> list[tuple[str, str]]:
    return [(file.name, file.value) for file in files(resources)]


def test_without_limits_nothing_is_written() -> None:
    assert files(Resources()) == ()
    assert files(Resources(memory=Memory(), cpu=Cpu())) == ()


@pytest.mark.parametrize(
    ("memory", "expected"),
    [
        (Memory(limit=GIB), [("memory.max", str(GIB))]),
        (Memory(limit=-1), [("memory.swap.max", "max"), ("memory.max", "max")]),
        (Memory(limit=0), []),
        (Memory(reservation=GIB), [("memory.low", str(GIB))]),
        (Memory(reservation=-1), [("memory.low", "max")]),
        (Memory(reservation=0), []),
        (Memory(limit=GIB, swap=3 * GIB), [("memory.swap.max", str(2 * GIB)), ("memory.max", str(GIB))]),
        (Memory(limit=GIB, swap=GIB), [("memory.swap.max", "0"), ("memory.max", str(GIB))]),
        (Memory(limit=GIB, swap=-1), [("memory.swap.max", "max"), ("memory.max", str(GIB))]),
        (Memory(limit=GIB, swap=0), [("memory.max", str(GIB))]),
        (Memory(limit=-1, swap=0), [("memory.swap.max", "max"), ("memory.max", "max")]),
        (Memory(limit=-1, swap=GIB), [("memory.swap.max", str(GIB)), ("memory.max", "max")]),
        (Memory(limit=-1, swap=-1), [("memory.swap.max", "max"), ("memory.max", "max")]),
        (Memory(swap=-1), [("memory.swap.max", "max")]),
        (
            Memory(limit=2, reservation=1, swap=5),
            [("memory.swap.max", "3"), ("memory.max", "2"), ("memory.low", "1")],
        ),
    ],
)
def test_memory(memory: Memory, expected: list[tuple[str, str]]) -> None:
    assert written(Resources(memory=memory)) == expected


@pytest.mark.parametrize(
    "memory",
    [
        Memory(swap=GIB),
        Memory(limit=0, swap=GIB),
        Memory(limit=GIB, swap=GIB - 1),
        Memory(limit=GIB, swap=-2),
    ],
)
def test_swap_that_cannot_be_told_from_memory_is_an_error(memory: Memory) -> None:
    with pytest.raises(ConfigError) as error:
        files(Resources(memory=memory))
    assert error.value.pointer == "/linux/resources/memory/swap"
    assert str(memory.swap) in error.value.found


@pytest.mark.parametrize(
    ("memory", "optional"),
    [
        (Memory(limit=GIB, swap=GIB), True),
        (Memory(limit=GIB, swap=-1), True),
        (Memory(limit=GIB, swap=2 * GIB), False),
    ],
)
def test_a_kernel_without_swap_keeps_the_promise_of_none_and_of_no_limit_but_no_other(
    memory: Memory, optional: bool
) -> None:
    optionals = {file.name for file in files(Resources(memory=memory)) if file.optional}
    assert optionals == ({"memory.swap.max"} if optional else set())


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        (1, 1),
        (2, 1),
        (3, 2),
        (10, 4),
        (100, 17),
        (256, 35),
        (512, 59),
        (1000, 99),
        (1024, 100),
        (2000, 170),
        (2048, 174),
        (4096, 303),
        (65536, 3023),
        (262143, 10000),
        (262144, 10000),
        (1 << 40, 10000),
    ],
)
def test_weight_has_the_values_of_the_other_runtimes(shares: int, expected: int) -> None:
    assert weight(shares) == expected


@given(st.integers(2, 262143))
def test_more_shares_never_weigh_less(shares: int) -> None:
    assert 1 <= weight(shares) <= weight(shares + 1) <= 10000


@pytest.mark.parametrize(
    ("cpu", "expected"),
    [
        (Cpu(shares=1024), [("cpu.weight", "100")]),
        (Cpu(shares=0), []),
        (Cpu(quota=50_000), [("cpu.max", "50000 100000")]),
        (Cpu(quota=50_000, period=20_000), [("cpu.max", "50000 20000")]),
        (Cpu(quota=50_000, period=0), [("cpu.max", "50000 100000")]),
        (Cpu(quota=-1), [("cpu.max", "max 100000")]),
        (Cpu(quota=0), [("cpu.max", "max 100000")]),
        (Cpu(period=20_000), [("cpu.max", "max 20000")]),
        (Cpu(burst=1000), [("cpu.max.burst", "1000")]),
        (Cpu(burst=0), [("cpu.max.burst", "0")]),
        (Cpu(quota=50_000, burst=1000), [("cpu.max", "50000 100000"), ("cpu.max.burst", "1000")]),
        (Cpu(idle=1), [("cpu.idle", "1")]),
        (Cpu(idle=1, shares=1024), [("cpu.idle", "1")]),
        (Cpu(idle=0, shares=1024), [("cpu.idle", "0"), ("cpu.weight", "100")]),
        (Cpu(cpus="0-1,3"), [("cpuset.cpus", "0-1,3")]),
        (Cpu(mems="0"), [("cpuset.mems", "0")]),
        (Cpu(cpus="", mems=""), []),
    ],
)
def test_cpu(cpu: Cpu, expected: list[tuple[str, str]]) -> None:
    assert written(Resources(cpu=cpu)) == expected


@pytest.mark.parametrize(("limit", "expected"), [(1, "1"), (20, "20"), (0, "1"), (-1, "max"), (-7, "max")])
def test_pids(limit: int, expected: str) -> None:
    assert written(Resources(pids_limit=limit)) == [("pids.max", expected)]


def test_every_file_says_which_controller_it_needs_and_where_it_comes_from() -> None:
    everything = Resources(
        memory=Memory(limit=2, reservation=1, swap=5),
        cpu=Cpu(shares=2, quota=9, period=8, burst=7, idle=0, cpus="0", mems="0"),
        pids_limit=3,
        block_io=BlockIO(500, (WeightDevice(8, 0, 10),), DISK, DISK, DISK, DISK),
        hugepage_limits=(HugepageLimit("2MB", 0),),
        rdma=(Rdma("mlx5_1", 3),),
        unified={"memory.high": "1", "cgroup.max.depth": "3"},
    )
    told = [(file.controller, file.name, file.place.removeprefix("/linux/resources")) for file in files(everything)]
    assert told == [
        ("memory", "memory.swap.max", "/memory/swap"),
        ("memory", "memory.max", "/memory/limit"),
        ("memory", "memory.low", "/memory/reservation"),
        ("cpu", "cpu.idle", "/cpu/idle"),
        ("cpu", "cpu.weight", "/cpu/shares"),
        ("cpu", "cpu.max", "/cpu/quota"),
        ("cpu", "cpu.max.burst", "/cpu/burst"),
        ("cpuset", "cpuset.cpus", "/cpu/cpus"),
        ("cpuset", "cpuset.mems", "/cpu/mems"),
        ("io", "io.bfq.weight", "/blockIO/weight"),
        ("io", "io.bfq.weight", "/blockIO/weightDevice/0"),
        ("io", "io.max", "/blockIO/throttleReadBpsDevice/0"),
        ("io", "io.max", "/blockIO/throttleWriteBpsDevice/0"),
        ("io", "io.max", "/blockIO/throttleReadIOPSDevice/0"),
        ("io", "io.max", "/blockIO/throttleWriteIOPSDevice/0"),
        ("hugetlb", "hugetlb.2MB.max", "/hugepageLimits/0"),
        ("hugetlb", "hugetlb.2MB.rsvd.max", "/hugepageLimits/0"),
        ("rdma", "rdma.max", "/rdma/mlx5_1"),
        ("pids", "pids.max", "/pids/limit"),
        ("memory", "memory.high", "/unified/memory.high"),
        ("", "cgroup.max.depth", "/unified/cgroup.max.depth"),
    ]


def test_a_period_alone_is_the_place_of_cpu_max() -> None:
    (file,) = files(Resources(cpu=Cpu(period=20_000)))
    assert file.place == "/linux/resources/cpu/period"


def test_where_limits_may_be_set_already_a_burst_goes_before_the_quota_does() -> None:
    """The kernel refuses a burst above the quota, and a quota below the burst."""
    both = Resources(cpu=Cpu(quota=50_000, burst=1000))
    assert [(file.name, file.value) for file in files(both, is_new=False)] == [
        ("cpu.max.burst", "0"),
        ("cpu.max", "50000 100000"),
        ("cpu.max.burst", "1000"),
    ]


# ---- block devices


@pytest.mark.parametrize(("number", "expected"), [(10, 1), (11, 11), (100, 910), (500, 4950), (1000, 10000)])
def test_the_weight_of_a_disk_has_the_values_of_the_other_runtimes(number: int, expected: int) -> None:
    assert io_weight(number) == expected


def test_a_weight_is_for_whichever_part_of_the_kernel_shares_out_the_disk() -> None:
    weights = BlockIO(weight=500, weight_device=(WeightDevice(8, 0, 10),))
    assert [file.replace(place="") for file in files(Resources(block_io=weights))] == [
        CgroupFile("io", "io.bfq.weight", "default 500", "", otherwise=("io.weight", "default 4950")),
        CgroupFile("io", "io.bfq.weight", "8:0 10", "", otherwise=("io.weight", "8:0 1")),
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("throttle_read_bps_device", "rbps"),
        ("throttle_write_bps_device", "wbps"),
        ("throttle_read_iops_device", "riops"),
        ("throttle_write_iops_device", "wiops"),
    ],
)
def test_throttles(name: str, expected: str) -> None:
    devices = (ThrottleDevice(8, 16, 1048576), ThrottleDevice(8, 0, 0), ThrottleDevice(8, 1, 2**64 - 1))
    assert written(Resources(block_io=BlockIO(**{name: devices}))) == [  # type: ignore[arg-type]
        ("io.max", f"8:16 {expected}=1048576"),
        ("io.max", f"8:0 {expected}=max"),
        ("io.max", f"8:1 {expected}={2**64 - 1}"),
    ]


# ---- huge pages, RDMA, files by name


def test_huge_pages_are_limited_and_reserving_them_where_the_kernel_can() -> None:
    limits = Resources(hugepage_limits=(HugepageLimit("2MB", 4 << 20), HugepageLimit("1GB", 0)))
    assert [(file.name, file.value, file.optional) for file in files(limits)] == [
        ("hugetlb.2MB.max", "4194304", False),
        ("hugetlb.2MB.rsvd.max", "4194304", True),
        ("hugetlb.1GB.max", "0", False),
        ("hugetlb.1GB.rsvd.max", "0", True),
    ]


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        (Rdma("mlx5_1", 3, 10000), "mlx5_1 hca_handle=3 hca_object=10000"),
        (Rdma("mlx5_1", 0), "mlx5_1 hca_handle=0"),
        (Rdma("rxe3", None, 7), "rxe3 hca_object=7"),
    ],
)
def test_rdma(device: Rdma, expected: str) -> None:
    assert written(Resources(rdma=(device,))) == [("rdma.max", expected)]


def test_files_by_name_come_last_so_that_they_win() -> None:
    unified = {"memory.max": "5", "pids.max": "6"}
    assert written(Resources(memory=Memory(limit=GIB), pids_limit=9, unified=unified)) == [
        ("memory.max", str(GIB)),
        ("pids.max", "9"),
        ("memory.max", "5"),
        ("pids.max", "6"),
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [("1", ["1"]), ("8:0 rbps=1\n8:16 wbps=2\n", ["8:0 rbps=1", "8:16 wbps=2"]), ("", ["\n"]), (" 1 ", [" 1 "])],
)
def test_the_kernel_takes_one_line_at_a_time(value: str, expected: list[str]) -> None:
    assert [line for _, line in written(Resources(unified={"io.max": value}))] == expected
