"""The limits of config.json, which has them in the shape of cgroup v1, as the files of cgroup v2.

    memory.limit, reservation, swap  ->  memory.swap.max, memory.max, memory.low
    cpu.shares, idle                 ->  cpu.idle, cpu.weight
    cpu.quota, period, burst         ->  cpu.max, cpu.max.burst
    cpu.cpus, mems                   ->  cpuset.cpus, cpuset.mems
    blockIO.weight, weightDevice     ->  io.bfq.weight, or else io.weight
    blockIO.throttle…Device          ->  io.max
    hugepageLimits                   ->  hugetlb.SIZE.max, hugetlb.SIZE.rsvd.max
    rdma                             ->  rdma.max
    pids.limit                       ->  pids.max
    unified                          ->  the files that it names

Left: config-linux.md#control-groups. Right: the kernel's Documentation/admin-guide/cgroup-v2.rst. Nothing here makes a
system call: the files are values, in the order in which they have to be written.
"""

from __future__ import annotations

import math

from ..errors import ConfigError
from ..record import Record
from ..spec.config import BlockIO, Cpu, Memory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..spec.config import HugepageLimit, Rdma, Resources

CPU = "/linux/resources/cpu"
BLOCK_IO = "/linux/resources/blockIO"

NO_LIMIT = -1  # the spec's word for it; the kernel's is "max"
DEFAULT_PERIOD = 100_000  # microseconds: what cpu.max says in a new cgroup


class CgroupFile(Record):
    """Write `value` to the file `name` of the cgroup, which is there when the `controller` is on in its parent.

    An `optional` file may be missing, because its value asks for what happens without it too. `otherwise` are the name
    and the value of a file that does the same on kernels without the first.
    """

    controller: str
    name: str
    value: str
    place: str
    optional: bool = False
    otherwise: tuple[str, str] | None = None


def files(resources: Resources, is_new: bool = True) -> tuple[CgroupFile, ...]:
    """The files to write, in order; `is_new` says that the cgroup has no limits yet. Absent limits write nothing, so
    what is there stays, and in a new cgroup those are the kernel's defaults."""
    return (
        *memory_files(resources.memory or Memory()),
        *cpu_files(resources.cpu or Cpu(), is_new),
        *cpuset_files(resources.cpu or Cpu()),
        *block_io_files(resources.block_io or BlockIO()),
        *hugepage_files(resources.hugepage_limits),
        *rdma_files(resources.rdma),
        *pids_files(resources.pids_limit),
        *unified_files(resources.unified),
    )


def limit(number: int) -> str:
    """A limit in the kernel's words."""
    return "max" if number == NO_LIMIT else str(number)


# ---- memory (config-linux.md#memory)


def memory_files(memory: Memory) -> Iterator[CgroupFile]:
    """A limit or a reservation of 0 means that none is set, as in cgroup v1's time.

    memory.swap.max comes first: a memory.max below what is in use makes the kernel swap out at once, and no further
    than memory.swap.max lets it. A kernel without swap has no such file, nor anything that it could limit.
    """
    swap = swap_alone(memory)
    if swap is not None:
        yield CgroupFile(
            "memory", "memory.swap.max", limit(swap), "/linux/resources/memory/swap", optional=swap in (0, NO_LIMIT)
        )
    if memory.limit:
        yield CgroupFile("memory", "memory.max", limit(memory.limit), "/linux/resources/memory/limit")
    if memory.reservation:
        yield CgroupFile("memory", "memory.low", limit(memory.reservation), "/linux/resources/memory/reservation")


def swap_alone(memory: Memory) -> int | None:
    """The limit of swap, which the spec gives as memory and swap together (v1's memory.memsw.limit_in_bytes).

        swap.max = swap - limit

    Equal values therefore mean no swap at all, and 0 means not set. No limit on memory and no word on swap means no
    limit on either, because v1 counted both in one.
    """
    if not memory.swap:
        return NO_LIMIT if memory.limit == NO_LIMIT else None
    if NO_LIMIT in (memory.swap, memory.limit):
        return memory.swap
    if not memory.limit or memory.swap < memory.limit:
        beside = f"with a memory limit of {memory.limit}" if memory.limit else "without a memory limit"
        raise ConfigError(
            "/linux/resources/memory/swap",
            f"found {memory.swap} {beside}",
            "memory and swap together, so at least the memory limit, which has to be given too",
        )
    return memory.swap - memory.limit


# ---- cpu (config-linux.md#cpu)


def cpu_files(cpu: Cpu, is_new: bool) -> Iterator[CgroupFile]:
    """Two orders matter, because the kernel (kernel/sched/core.c) refuses some pairs with EINVAL.

    cpu.idle comes before cpu.weight, which an idle cgroup does not have: its weight is the least there is.
    cpu.max.burst may never be above the quota. So it comes after cpu.max, and a burst that is there goes first.
    """
    if cpu.idle is not None:
        yield CgroupFile("cpu", "cpu.idle", str(cpu.idle), f"{CPU}/idle")
    if cpu.shares and cpu.idle != 1:
        yield CgroupFile("cpu", "cpu.weight", str(weight(cpu.shares)), f"{CPU}/shares")
    if cpu.quota is not None or cpu.period is not None:
        if cpu.burst is not None and not is_new:
            yield CgroupFile("cpu", "cpu.max.burst", "0", f"{CPU}/burst")
        asked = "period" if cpu.quota is None else "quota"
        yield CgroupFile("cpu", "cpu.max", bandwidth(cpu), f"{CPU}/{asked}")
    if cpu.burst is not None:
        yield CgroupFile("cpu", "cpu.max.burst", str(cpu.burst), f"{CPU}/burst")


def weight(shares: int) -> int:
    """v1's shares, 2 to 262144, as v2's weight, 1 to 10000.

        weight = 10 ^ ((L² + 125 L - 126) / 612), rounded up, where L = log2(shares)

    The curve goes through the two ends and the two defaults: 2 is 1, 1024 is 100, 262144 is 10000. The straight line
    that runtimes used at first made 39 of the default 1024, so that a container lost to every other cgroup.
    Source: https://github.com/kubernetes/kubernetes/issues/131216; runc 1.3.2 and crun 1.23 have it.
    """
    if shares <= 2:
        return 1
    if shares >= 262144:
        return 10000
    power = math.log2(shares)
    return math.ceil(10 ** ((power * power + 125 * power - 126) / 612))


def bandwidth(cpu: Cpu) -> str:
    """cpu.max is "QUOTA PERIOD": that much time in every period. v1 says -1 for a quota without limit."""
    quota = str(cpu.quota) if cpu.quota and cpu.quota > 0 else "max"
    return f"{quota} {cpu.period or DEFAULT_PERIOD}"


def cpuset_files(cpu: Cpu) -> Iterator[CgroupFile]:
    """Lists such as 0-3,7 (cpuset(7)), which v1 and v2 write alike. Empty means the parent's, as in a new cgroup."""
    if cpu.cpus:
        yield CgroupFile("cpuset", "cpuset.cpus", cpu.cpus, f"{CPU}/cpus")
    if cpu.mems:
        yield CgroupFile("cpuset", "cpuset.mems", cpu.mems, f"{CPU}/mems")


# ---- block devices (config-linux.md#block-io)


def block_io_files(block_io: BlockIO) -> Iterator[CgroupFile]:
    """A disk has its own number, which the line begins with; one write takes one line."""
    if block_io.weight:
        yield weight_file("default", block_io.weight, f"{BLOCK_IO}/weight")
    for index, disk in enumerate(block_io.weight_device):
        yield weight_file(f"{disk.major}:{disk.minor}", disk.weight, f"{BLOCK_IO}/weightDevice/{index}")
    throttles = (
        ("throttleReadBpsDevice", "rbps", block_io.throttle_read_bps_device),
        ("throttleWriteBpsDevice", "wbps", block_io.throttle_write_bps_device),
        ("throttleReadIOPSDevice", "riops", block_io.throttle_read_iops_device),
        ("throttleWriteIOPSDevice", "wiops", block_io.throttle_write_iops_device),
    )
    for name, key, limits in throttles:
        for index, device in enumerate(limits):
            rate = device.rate or "max"  # v1's blkio.throttle files take 0 for no limit (block/blk-throttle.c)
            line = f"{device.major}:{device.minor} {key}={rate}"
            yield CgroupFile("io", "io.max", line, f"{BLOCK_IO}/{name}/{index}")


def weight_file(which: str, number: int, place: str) -> CgroupFile:
    """Two parts of the kernel share out a disk's time, and each has a file if it was built in: the scheduler BFQ, which
    takes v1's weights as they are, and the io.cost controller, which has the range of v2."""
    otherwise = ("io.weight", f"{which} {io_weight(number)}")
    return CgroupFile("io", "io.bfq.weight", f"{which} {number}", place, otherwise=otherwise)


def io_weight(number: int) -> int:
    """v1's weight, 10 to 1000, as v2's, 1 to 10000, on the straight line through the ends.

    io.weight = 1 + (weight - 10) * 9999 / 990, rounded down
    """
    return 1 + (number - 10) * 9999 // 990


# ---- huge pages (config-linux.md#huge-page-limits), RDMA (config-linux.md#rdma)


def hugepage_files(limits: tuple[HugepageLimit, ...]) -> Iterator[CgroupFile]:
    """The spec wants reservations limited (mmap(2), not only the first touch), if the kernel can (Linux 5.7)."""
    for index, asked in enumerate(limits):
        place = f"/linux/resources/hugepageLimits/{index}"
        for name in (f"hugetlb.{asked.page_size}.max", f"hugetlb.{asked.page_size}.rsvd.max"):
            yield CgroupFile("hugetlb", name, str(asked.limit), place, optional=name.endswith(".rsvd.max"))


def rdma_files(devices: tuple[Rdma, ...]) -> Iterator[CgroupFile]:
    """What a line does not name stays, which in a new cgroup is no limit."""
    for device in devices:
        words = [
            *([] if device.hca_handles is None else [f"hca_handle={device.hca_handles}"]),
            *([] if device.hca_objects is None else [f"hca_object={device.hca_objects}"]),
        ]
        yield CgroupFile(
            "rdma", "rdma.max", " ".join([device.device, *words]), f"/linux/resources/rdma/{device.device}"
        )


# ---- pids (config-linux.md#pids)


def pids_files(pids_limit: int | None) -> Iterator[CgroupFile]:
    """0 is a limit, too: no process beside the first, without which there is no container. So it is the kernel's 1, as
    with runc since 1.4, and what reads the file finds no more processes than it allows. All below it is none."""
    if pids_limit is not None:
        yield CgroupFile("pids", "pids.max", limit(max(pids_limit, NO_LIMIT) or 1), "/linux/resources/pids/limit")


# ---- files by name (config-linux.md#unified)


def unified_files(unified: Mapping[str, str]) -> Iterator[CgroupFile]:
    """Last, so that they win. The kernel takes one line with each write(2). The files of `cgroup.` have no controller:
    every cgroup has them."""
    for name, value in unified.items():
        controller = name.partition(".")[0]
        for line in value.splitlines() or [""]:
            place = f"/linux/resources/unified/{name}"
            yield CgroupFile("" if controller == "cgroup" else controller, name, line or "\n", place)
