"""The limits of config.json, which has them in the shape of cgroup v1, as the files of cgroup v2.

    memory.limit, reservation, swap  ->  memory.swap.max, memory.max, memory.low
    cpu.shares, idle                 ->  cpu.idle, cpu.weight
    cpu.quota, period, burst         ->  cpu.max.burst, cpu.max
    cpu.cpus, mems                   ->  cpuset.cpus, cpuset.mems
    pids.limit                       ->  pids.max

Left: config-linux.md#control-groups. Right: the kernel's Documentation/admin-guide/cgroup-v2.rst. Nothing here makes a
system call: the files are values, in the order in which they have to be written into a cgroup that is new.
"""

from __future__ import annotations

import math

from ..errors import ConfigError
from ..record import Record
from ..spec.config import Cpu, Memory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..spec.config import Resources

NO_LIMIT = -1  # the spec's word for it; the kernel's is "max"
DEFAULT_PERIOD = 100_000  # microseconds: what cpu.max says in a new cgroup


class CgroupFile(Record):
    """Write `value` to the file `name` of the cgroup, which is there when the `controller` is on in its parent.

    An `optional` file may be missing, because its value asks for what happens without it too.
    """

    controller: str
    name: str
    value: str
    place: str
    optional: bool = False


def files(resources: Resources) -> tuple[CgroupFile, ...]:
    """The files to write, in order. Absent limits write nothing, so the kernel's defaults stay."""
    return (
        *memory_files(resources.memory or Memory()),
        *cpu_files(resources.cpu or Cpu()),
        *cpuset_files(resources.cpu or Cpu()),
        *pids_files(resources.pids_limit),
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


def cpu_files(cpu: Cpu) -> Iterator[CgroupFile]:
    """Two orders matter, because the kernel (kernel/sched/core.c) refuses some pairs with EINVAL.

    cpu.idle comes before cpu.weight, which an idle cgroup does not have: its weight is the least there is.
    cpu.max.burst comes before cpu.max: without a quota every burst is good, and with one it may not be above it.
    """
    if cpu.idle is not None:
        yield CgroupFile("cpu", "cpu.idle", str(cpu.idle), "/linux/resources/cpu/idle")
    if cpu.shares and cpu.idle != 1:
        yield CgroupFile("cpu", "cpu.weight", str(weight(cpu.shares)), "/linux/resources/cpu/shares")
    if cpu.burst is not None:
        yield CgroupFile("cpu", "cpu.max.burst", str(cpu.burst), "/linux/resources/cpu/burst")
    if cpu.quota is not None or cpu.period is not None:
        asked = "period" if cpu.quota is None else "quota"
        yield CgroupFile("cpu", "cpu.max", bandwidth(cpu), f"/linux/resources/cpu/{asked}")


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
        yield CgroupFile("cpuset", "cpuset.cpus", cpu.cpus, "/linux/resources/cpu/cpus")
    if cpu.mems:
        yield CgroupFile("cpuset", "cpuset.mems", cpu.mems, "/linux/resources/cpu/mems")


# ---- pids (config-linux.md#pids)


def pids_files(pids_limit: int | None) -> Iterator[CgroupFile]:
    """0 is a limit like any other: moving into a cgroup needs no room in it, but fork(2) does. All below it is none."""
    if pids_limit is not None:
        yield CgroupFile("pids", "pids.max", limit(max(pids_limit, NO_LIMIT)), "/linux/resources/pids/limit")
