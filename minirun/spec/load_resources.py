"""config.json's /linux/resources -> Resources.

The spec's resources have the shape of cgroup v1, where engines send 0 for "not set" and -1 for "no limit". What v2 has
no file for MUST be an error (config-linux.md#unified).
"""

from __future__ import annotations

from ..errors import ConfigError
from .config import (
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
from .reader import Node, shown

MAX_INT64 = 2**63 - 1
MAX_UINT64 = 2**64 - 1
MAX_INT32 = 2**31 - 1
MAX_UINT32 = 2**32 - 1

DEVICE_TYPES = ("a", "b", "c")
ACCESS = frozenset("rwm")

LEAF_WEIGHT = "a weight for the processes of a cgroup beside its children"

# The group, the property, the values that ask for nothing, and what it would be.
ONLY_V1: tuple[tuple[str, str, tuple[object, ...], str], ...] = (
    ("memory", "kernel", (0, -1), "a limit for kernel memory"),
    ("memory", "kernelTCP", (0, -1), "a limit for TCP buffers"),
    ("memory", "swappiness", (), "a swappiness of its own"),  # 0 is a value: swap as late as possible
    ("memory", "disableOOMKiller", (False,), "a switch for the OOM killer"),
    ("cpu", "realtimeRuntime", (0,), "a share for real-time processes"),
    ("cpu", "realtimePeriod", (0,), "a share for real-time processes"),
    ("blockIO", "leafWeight", (0,), LEAF_WEIGHT),
    ("network", "classID", (0,), "a class for network packets"),
    ("network", "priorities", ([],), "priorities for network interfaces"),
)


def read_resources(node: Node) -> Resources:
    """config-linux.md#control-groups"""
    refuse_only_v1(node)
    return Resources(
        devices=node.each("devices", read_device_rule),
        memory=node.maybe("memory", read_memory),
        cpu=node.maybe("cpu", read_cpu),
        pids_limit=node.maybe("pids", read_pids_limit),
        block_io=node.maybe("blockIO", read_block_io),
        hugepage_limits=node.each("hugepageLimits", read_hugepage_limit),
        rdma=tuple(node.table("rdma", read_rdma_device).values()),
        unified=node.table("unified", read_file),
    )


def refuse_only_v1(resources: Node) -> None:
    """config-linux.md#unified: where a conversion to cgroup v2 is not possible, the runtime MUST generate an error."""
    for group, key, nothing, meaning in ONLY_V1:
        holder = resources.get(group)
        if holder is not None:
            refuse(holder, key, nothing, meaning)


def refuse(holder: Node, key: str, nothing: tuple[object, ...], meaning: str) -> None:
    """The error for a property that asks for what version 2 has not got."""

    def check(member: Node) -> None:
        if member.value not in nothing:
            raise ConfigError(
                member.pointer,
                f"found {shown(member.value)}, but a cgroup of version 2 has not got {meaning}",
                "leave this property out",
            )

    holder.maybe(key, check)


def read_device_rule(node: Node) -> DeviceRule:
    """config-linux.md#allowed-device-list"""
    return DeviceRule(
        allow=node.need("allow").boolean(),
        type=node.maybe("type", lambda kind: kind.one_of(DEVICE_TYPES)) or "a",
        major=node.maybe("major", read_device_number),
        minor=node.maybe("minor", read_device_number),
        access=node.maybe("access", read_access) or "rwm",
    )


def read_device_number(node: Node) -> int | None:
    """A device's number; None for all, which engines write as -1."""
    number = node.integer(-1, MAX_INT32)
    return None if number == -1 else number


def read_access(node: Node) -> str:
    """Which of r (read), w (write) and m (mknod). Other letters beside them are ignored, as with other runtimes: none
    is ever allowed by that, nor forbidden. A rule without any of the three would say nothing."""
    return "".join(filter(ACCESS.__contains__, node.matching(names_access, "one or more of the letters r, w and m")))


def names_access(letters: str) -> bool:
    return not ACCESS.isdisjoint(letters)


def read_memory(node: Node) -> Memory:
    """config-linux.md#memory"""
    node.flag("useHierarchy")  # version 2 always counts in a hierarchy
    memory = Memory(
        limit=node.number("limit", -1, MAX_INT64) or None,
        reservation=node.number("reservation", -1, MAX_INT64) or None,
        swap=node.number("swap", -1, MAX_INT64) or None,
        check_before_update=node.flag("checkBeforeUpdate"),
    )
    check_swap(node, memory)
    return memory


def check_swap(node: Node, memory: Memory) -> None:
    """`swap` counts memory and swap together, so that it means something only above a memory limit."""
    if memory.swap is None or memory.swap == -1:
        return
    if memory.limit is None:
        raise node.need("swap").wrong("a limit for memory and swap needs a memory limit too (limit)")
    if memory.swap < memory.limit:
        raise node.need("swap").wrong(f"at least the memory limit, {memory.limit}: it counts memory and swap together")


def read_cpu(node: Node) -> Cpu:
    """config-linux.md#cpu"""
    cpu = Cpu(
        shares=node.number("shares", 0, MAX_UINT64) or None,
        quota=node.number("quota", -1, MAX_INT64) or None,
        period=node.number("period", 0, MAX_UINT64) or None,
        burst=node.number("burst", 0, MAX_UINT64),
        idle=node.number("idle", 0, 1),
        cpus=node.text("cpus"),
        mems=node.text("mems"),
    )
    if cpu.burst is not None and cpu.quota is not None and 0 < cpu.quota < cpu.burst:
        raise node.need("burst").wrong(f"at most the quota, {cpu.quota}")
    return cpu


def read_pids_limit(node: Node) -> int | None:
    """config-linux.md#pids: unlike elsewhere, 0 is a limit."""
    return node.number("limit", -1, MAX_INT64)


# ---- block devices (config-linux.md#block-io)


def read_block_io(node: Node) -> BlockIO:
    return BlockIO(
        weight=node.maybe("weight", read_weight),
        weight_device=node.each("weightDevice", read_weight_device),
        throttle_read_bps_device=node.each("throttleReadBpsDevice", read_throttle_device),
        throttle_write_bps_device=node.each("throttleWriteBpsDevice", read_throttle_device),
        throttle_read_iops_device=node.each("throttleReadIOPSDevice", read_throttle_device),
        throttle_write_iops_device=node.each("throttleWriteIOPSDevice", read_throttle_device),
    )


def read_weight(node: Node) -> int | None:
    """The range is that of version 1, whose blkio.weight this was."""
    return None if node.integer() == 0 else node.integer(10, 1000)


def read_weight_device(node: Node) -> WeightDevice:
    """The spec wants `weight` or `leafWeight`, of which version 2 has only the first."""
    refuse(node, "leafWeight", (0,), LEAF_WEIGHT)
    return WeightDevice(*read_numbers(node), node.need("weight").integer(10, 1000))


def read_throttle_device(node: Node) -> ThrottleDevice:
    return ThrottleDevice(*read_numbers(node), node.need("rate").integer(0, MAX_UINT64))


def read_numbers(node: Node) -> tuple[int, int]:
    """A disk's major and minor number."""
    return node.need("major").integer(0, MAX_INT32), node.need("minor").integer(0, MAX_INT32)


# ---- huge pages, RDMA devices


def read_hugepage_limit(node: Node) -> HugepageLimit:
    """config-linux.md#huge-page-limits: here 0 is a limit."""
    return HugepageLimit(
        page_size=node.need("pageSize").matching(is_page_size, "a size of pages such as 64KB, 2MB or 1GB"),
        limit=node.need("limit").integer(0, MAX_UINT64),
    )


def is_page_size(name: str) -> bool:
    """The kernel's name of a size, which is a part of a file's name."""
    number, unit = name[:-2], name[-2:]
    return number.isascii() and number.isdigit() and number[0] != "0" and unit in ("KB", "MB", "GB")


def read_rdma_device(name: str, node: Node) -> Rdma:
    """config-linux.md#rdma"""
    if not name or not name.isprintable() or " " in name:
        raise ConfigError(node.pointer, f"found the device {shown(name)}", "a name from /sys/class/infiniband")
    handles, objects = (node.number(key, 0, MAX_UINT32) for key in ("hcaHandles", "hcaObjects"))
    if handles is None and objects is None:
        raise ConfigError(node.pointer, "found neither hcaHandles nor hcaObjects", "at least one of them")
    return Rdma(name, handles, objects)


# ---- files by name


def read_file(name: str, node: Node) -> str:
    """config-linux.md#unified: files in the container's own cgroup, whatever is to be written to them.

    The part before the first dot is the controller that a file belongs to.
    """
    controller, _, parameter = name.partition(".")
    if "/" in name or not controller or not parameter:
        raise ConfigError(
            node.pointer,
            f"found the file {shown(name)}",
            "the name of a file in a cgroup's directory, such as memory.high",
        )
    return node.string()
