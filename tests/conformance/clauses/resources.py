"""config-linux.md, limits of cgroup v2, by the files in the container's cgroup: cgroups(7), cgroup-v2.rst.

The spec keeps the names of version 1. How a number is converted it leaves open ("MAY attempt a conversion"), so only
those are compared whose meaning leaves no choice, and of the others the order.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..machine import CGROUP, has_cgroup_file, needs_cgroup2
from ..suite import SHOULD, NotTestable, clause, expect, expect_true

if TYPE_CHECKING:
    from ..container import Container

MEMORY = "config-linux.md#memory"
CPU = "config-linux.md#cpu"
PIDS = "config-linux.md#pids"
BLOCK = "config-linux.md#block-io"
HUGE_PAGES = "config-linux.md#huge-page-limits"
RDMA = "config-linux.md#rdma"
UNIFIED = "config-linux.md#unified"
IMPOSSIBLE = "If the conversion is not possible the runtime MUST generate an error."
NOT_APPLIED = (
    "If the runtime cannot apply a property as specified in the configuration, it MUST generate an error and a "
    "new container MUST NOT be created."
)
NOT_PRESENT = (
    "The runtime MUST generate an error when the configuration refers to a cgroup controller that is not present "
    "or that cannot be enabled."
)


def file_of(container: Container, controller: str, name: str, **limits: Any) -> str:
    """What is in a file of the container's cgroup while it runs."""
    needs_cgroup2(container, controller)
    container.resources(**limits)
    with container.running() as running:
        file = Path(f"{CGROUP}{running.cgroups()[-1]}") / name
        if not file.exists():
            raise NotTestable(f"this kernel has no {name}")
        return file.read_text().strip()


# ---- memory

MEMORY_LIMITS = {
    "limit": ({"limit": 64 << 20}, "memory.max", 64 << 20),
    "reservation": ({"reservation": 8 << 20}, "memory.low", 8 << 20),
    "swap": ({"limit": 64 << 20, "swap": 80 << 20}, "memory.swap.max", 16 << 20),
    "no swap": ({"limit": 64 << 20, "swap": 64 << 20}, "memory.swap.max", 0),
    "unlimited": ({"limit": -1}, "memory.max", "max"),
}


@clause(
    MEMORY,
    "Values for memory specify the limit in bytes, or `-1` for unlimited memory.",
    each=MEMORY_LIMITS,
)
def a_limit_of_memory(container: Container, name: str) -> None:
    limits, file, wanted = MEMORY_LIMITS[name]
    expect(file, file_of(container, "memory", file, memory=limits), str(wanted))


@clause(MEMORY, "`swap` (int64, OPTIONAL) - sets limit of memory+Swap usage")
def a_limit_of_swap_below_that_of_memory(container: Container) -> None:
    needs_cgroup2(container, "memory")
    container.resources(memory={"limit": 64 << 20, "swap": 32 << 20})
    container.must_be_refused("memory and swap together are less than memory alone")


# ---- cpu


@clause(
    CPU,
    (
        "`quota` (int64, OPTIONAL) - specifies the total amount of time in microseconds for which all tasks in a "
        "cgroup can run during one period"
    ),
)
def quota_and_period(container: Container) -> None:
    expect("cpu.max", file_of(container, "cpu", "cpu.max", cpu={"quota": 30000, "period": 60000}), "30000 60000")


@clause(
    CPU,
    (
        "`quota` (int64, OPTIONAL) - specifies the total amount of time in microseconds for which all tasks in a "
        "cgroup can run during one period"
    ),
)
def no_quota(container: Container) -> None:
    expect("cpu.max", file_of(container, "cpu", "cpu.max", cpu={"quota": -1, "period": 60000}), "max 60000")


@clause(
    CPU,
    (
        "`period` (uint64, OPTIONAL) - specifies a period of time in microseconds for how regularly a cgroup's "
        "access to CPU resources should be reallocated (CFS scheduler only)"
    ),
)
def a_period_alone(container: Container) -> None:
    expect("cpu.max", file_of(container, "cpu", "cpu.max", cpu={"period": 60000}), "max 60000")


@clause(
    CPU,
    (
        "`burst` (uint64, OPTIONAL) - specifies the maximum amount of accumulated time in microseconds for which "
        "all tasks in a cgroup can run additionally for burst during one period"
    ),
)
def cpu_burst(container: Container) -> None:
    limits = {"quota": 30000, "period": 60000, "burst": 20000}
    expect("cpu.max.burst", file_of(container, "cpu", "cpu.max.burst", cpu=limits), "20000")


@clause(CPU, "`shares` (uint64, OPTIONAL) - specifies a relative share of CPU time available to the tasks in a cgroup")
def cpu_shares(container: Container) -> None:
    weights = [int(file_of(container, "cpu", "cpu.weight", cpu={"shares": number})) for number in (2, 1024, 4096)]
    expect_true(f"more shares are more weight: 2, 1024, 4096 became {weights}", weights == sorted(set(weights)))


@clause(
    CPU, "`idle` (int64, OPTIONAL) - cgroups are configured with minimum weight, 0: default behavior, 1: SCHED_IDLE."
)
def cpu_idle(container: Container) -> None:
    expect("cpu.idle", file_of(container, "cpu", "cpu.idle", cpu={"idle": 1}), "1")


@clause(CPU, "`cpus` (string, OPTIONAL) - list of CPUs the container will run on.")
def cpu_cpus(container: Container) -> None:
    expect("cpuset.cpus", file_of(container, "cpuset", "cpuset.cpus", cpu={"cpus": "0"}), "0")


@clause(CPU, NOT_APPLIED)
def processors_that_do_not_exist(container: Container) -> None:
    needs_cgroup2(container, "cpuset")
    container.resources(cpu={"cpus": "zero"})
    container.must_be_refused("the list of processors is 'zero'")


@clause(CPU, "`mems` (string, OPTIONAL) - list of memory nodes the container will run on.")
def cpu_mems(container: Container) -> None:
    expect("cpuset.mems", file_of(container, "cpuset", "cpuset.mems", cpu={"mems": "0"}), "0")


# ---- pids

LIMIT = (
    "`limit` (int64, OPTIONAL) - specifies the maximum number of tasks in the cgroup, with `-1` indicating no "
    "limit (`max`)."
)
ZERO = (
    "Even though it may superficially seem redundant, `0` is a valid limit value for the `pids` cgroup controller "
    "from the kernel's perspective and SHOULD be treated as such by runtimes."
)


@clause(PIDS, LIMIT, each=((99, "99"), (-1, "max")))
def a_limit_of_pids(container: Container, pair: tuple[int, str]) -> None:
    expect("pids.max", file_of(container, "pids", "pids.max", pids={"limit": pair[0]}), pair[1])


@clause(PIDS, ZERO, level=SHOULD)
def a_limit_of_no_pids(container: Container) -> None:
    """The first process has begun by then, so that to the kernel 0 and 1 are the same: no other can."""
    told = file_of(container, "pids", "pids.max", pids={"limit": 0})
    expect_true(f"pids.max is 0 or 1, not {told}", told in ("0", "1"))


@clause(PIDS, LIMIT)
def pids_without_a_limit(container: Container) -> None:
    expect("pids.max", file_of(container, "pids", "pids.max", pids={}), "max")


# ---- block devices


def a_disk() -> tuple[int, int]:
    for name in sorted(Path("/sys/block").iterdir()):
        if not name.name.startswith(("loop", "ram", "dm-", "zram")):
            major, minor = (name / "dev").read_text().split(":")
            return int(major), int(minor)
    raise NotTestable("this machine has no disk")


def weight_file(line: str = "") -> str:
    """BFQ has a file of its own, beside that of the kernel's other I/O scheduler: cgroup-v2.rst, bfq-iosched.rst.

    A line about a disk is refused unless one of the two schedules that disk.
    """
    for name in ("io.bfq.weight", "io.weight"):
        if has_cgroup_file("io", name, line):
            return name
    raise NotTestable("this kernel has no weights for disks")


@clause(BLOCK, "`weight` (uint16, OPTIONAL) - specifies per-cgroup weight.")
def the_weight_for_disks(container: Container) -> None:
    needs_cgroup2(container, "io")
    name, weights = weight_file(), []
    for weight in (10, 500, 1000):
        weights.append(int(file_of(container, "io", name, blockIO={"weight": weight}).split()[1]))
    expect_true(f"more weight is more: 10, 500, 1000 became {weights} in {name}", weights == sorted(set(weights)))


@clause(BLOCK, "`weight` (uint16, OPTIONAL) - bandwidth weight for the device.")
def the_weight_for_one_disk(container: Container) -> None:
    needs_cgroup2(container, "io")
    major, minor = a_disk()
    name = weight_file(f"{major}:{minor} 100")
    entry = {"major": major, "minor": minor, "weight": 500}
    told = file_of(container, "io", name, blockIO={"weightDevice": [entry]}).splitlines()
    expect_true(
        f"{name} has a line for the disk ({told})", [line for line in told if line.startswith(f"{major}:{minor} ")]
    )


@clause(BLOCK, "You MUST specify at least one of `weight` or `leafWeight` in a given entry, and MAY specify both.")
def an_entry_for_a_disk_without_a_weight(container: Container) -> None:
    needs_cgroup2(container, "io")
    major, minor = a_disk()
    container.resources(blockIO={"weightDevice": [{"major": major, "minor": minor}]})
    container.must_be_refused("an entry of weightDevice has no weight")


THROTTLES = {
    "throttleReadBpsDevice": "rbps",
    "throttleWriteBpsDevice": "wbps",
    "throttleReadIOPSDevice": "riops",
    "throttleWriteIOPSDevice": "wiops",
}


@clause(BLOCK, "`rate` (uint64, REQUIRED) - bandwidth rate limit in bytes per second for the device", each=THROTTLES)
def a_throttled_disk(container: Container, name: str) -> None:
    needs_cgroup2(container, "io")
    major, minor = a_disk()
    limits = {name: [{"major": major, "minor": minor, "rate": 1 << 20}]}
    told = file_of(container, "io", "io.max", blockIO=limits).split()
    expect("io.max", [word for word in told if word.startswith(THROTTLES[name])], [f"{THROTTLES[name]}={1 << 20}"])


# ---- huge pages

PAGES = Path("/sys/kernel/mm/hugepages")


def a_huge_page() -> tuple[str, int]:
    """The smallest of this kernel, as the spec writes it, and its size in bytes."""
    sizes = [int(name.name.removeprefix("hugepages-").removesuffix("kB")) for name in PAGES.glob("hugepages-*")]
    if not sizes:
        raise NotTestable("this kernel has no huge pages")
    size, units = min(sizes), iter(("KB", "MB", "GB"))
    while (unit := next(units)) and size % 1024 == 0:
        size //= 1024
    return f"{size}{unit}", min(sizes) << 10


@clause(
    HUGE_PAGES,
    (
        "By default if supported by the kernel, `hugepageLimits` defines the hugepage sizes and limits for HugeTLB "
        "controller reservation accounting"
    ),
)
def a_limit_of_huge_pages(container: Container) -> None:
    needs_cgroup2(container, "hugetlb")
    name, size = a_huge_page()
    file = f"hugetlb.{name}.rsvd.max"
    if not has_cgroup_file("hugetlb", file):
        file = f"hugetlb.{name}.max"  # "this should fallback to the page fault accounting"
    told = file_of(container, "hugetlb", file, hugepageLimits=[{"pageSize": name, "limit": 3 * size}])
    expect(file, told, str(3 * size))


@clause(HUGE_PAGES, NOT_APPLIED, each=("3MB", "2 megabytes"))
def a_huge_page_that_does_not_exist(container: Container, size: str) -> None:
    needs_cgroup2(container, "hugetlb")
    container.resources(hugepageLimits=[{"pageSize": size, "limit": 0}])
    container.must_be_refused(f"no huge page has the size {size!r}")


# ---- rdma


def an_rdma_device() -> str:
    for name in sorted(Path("/sys/class/infiniband").glob("*")):
        return name.name
    raise NotTestable("this machine has no RDMA device")


@clause(RDMA, "`hcaHandles` (uint32, OPTIONAL) - specifies the maximum number of hca_handles in the cgroup")
def a_limit_for_an_rdma_device(container: Container) -> None:
    needs_cgroup2(container, "rdma")
    device = an_rdma_device()
    told = file_of(container, "rdma", "rdma.max", rdma={device: {"hcaHandles": 3}})
    expect("rdma.max", told, f"{device} hca_handle=3 hca_object=max")


@clause(RDMA, NOT_APPLIED)
def an_rdma_device_that_does_not_exist(container: Container) -> None:
    needs_cgroup2(container, "rdma")
    container.resources(rdma={"nonsense0": {"hcaHandles": 3}})
    container.must_be_refused("there is no RDMA device nonsense0")


@clause(
    RDMA, "You MUST specify at least one of the `hcaHandles` or `hcaObjects` in a given entry, and MAY specify both."
)
def an_rdma_device_without_a_limit(container: Container) -> None:
    needs_cgroup2(container, "rdma")
    container.resources(rdma={"nonsense0": {}})
    container.must_be_refused("an RDMA device has no limit")


# ---- unified


@clause(UNIFIED, "Each key in the map refers to a file in the cgroup unified hierarchy.")
def a_file_of_the_cgroup_by_name(container: Container) -> None:
    expect("memory.high", file_of(container, "memory", "memory.high", unified={"memory.high": "33554432"}), "33554432")


@clause(UNIFIED, "Configuration unknown to the runtime MUST still be written to the relevant file.")
def a_file_of_the_cgroup_that_belongs_to_no_controller(container: Container) -> None:
    told = file_of(container, "", "cgroup.max.depth", unified={"cgroup.max.depth": "3"})
    expect("cgroup.max.depth", told, "3")


@clause(UNIFIED, "The OCI runtime MUST ensure that the needed cgroup controllers are enabled for the cgroup.")
def the_controller_of_a_file_is_enabled(container: Container) -> None:
    told = file_of(container, "pids", "cgroup.controllers", unified={"pids.max": "50"})
    expect_true(f"pids is among {told}", "pids" in told.split())


@clause(UNIFIED, NOT_PRESENT)
def a_file_of_a_controller_that_does_not_exist(container: Container) -> None:
    needs_cgroup2(container)
    container.resources(unified={"flavour.max": "1"})
    container.must_be_refused("there is no controller called flavour")


@clause(UNIFIED, NOT_APPLIED)
def a_file_of_the_cgroup_that_does_not_exist(container: Container) -> None:
    needs_cgroup2(container, "memory")
    container.resources(unified={"memory.flavour": "1"})
    container.must_be_refused("there is no file memory.flavour")


# ---- what version 2 does not have

V1_ONLY = {
    "memory.kernel": {"memory": {"limit": 64 << 20, "kernel": 32 << 20}},
    "memory.kernelTCP": {"memory": {"limit": 64 << 20, "kernelTCP": 32 << 20}},
    "memory.swappiness": {"memory": {"swappiness": 10}},
    "memory.disableOOMKiller": {"memory": {"disableOOMKiller": True}},
    "cpu.realtimeRuntime": {"cpu": {"realtimeRuntime": 10000, "realtimePeriod": 100000}},
    "network.classID": {"network": {"classID": 1048577}},
    "network.priorities": {"network": {"priorities": [{"name": "lo", "priority": 5}]}},
    "blockIO.leafWeight": {"blockIO": {"leafWeight": 100}},
    "blockIO.weightDevice": {"blockIO": {"weightDevice": [{"major": 8, "minor": 0, "leafWeight": 100}]}},
}


@clause(UNIFIED, IMPOSSIBLE, each=V1_ONLY)
def a_limit_that_version_2_does_not_have(container: Container, name: str) -> None:
    needs_cgroup2(container)
    container.resources(**V1_ONLY[name])
    container.must_be_refused(f"cgroup v2 has nothing that {name} could be converted to")
