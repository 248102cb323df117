"""config.json's /linux/resources -> Resources.

The spec's resources have the shape of cgroup v1, where engines send 0 for "not set" and -1 for "no limit". What v2 has
no file for MUST be an error (config-linux.md#unified).
"""

from __future__ import annotations

from ..errors import ConfigError
from .config import Cpu, DeviceRule, Memory, Resources
from .reader import Node, shown

MAX_INT64 = 2**63 - 1
MAX_UINT64 = 2**64 - 1
MAX_INT32 = 2**31 - 1

DEVICE_TYPES = ("a", "b", "c")
ACCESS = frozenset("rwm")

# The group, the property, the values that ask for nothing, and what it would be.
ONLY_V1: tuple[tuple[str, str, tuple[object, ...], str], ...] = (
    ("memory", "kernel", (0, -1), "a limit for kernel memory"),
    ("memory", "kernelTCP", (0, -1), "a limit for TCP buffers"),
    ("memory", "swappiness", (), "a swappiness of its own"),  # 0 is a value: swap as late as possible
    ("memory", "disableOOMKiller", (False,), "a switch for the OOM killer"),
    ("cpu", "realtimeRuntime", (0,), "a share for real-time processes"),
    ("cpu", "realtimePeriod", (0,), "a share for real-time processes"),
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
    )


def refuse_only_v1(resources: Node) -> None:
    """config-linux.md#unified: where a conversion to cgroup v2 is not possible, the runtime MUST generate an error."""
    for group, key, nothing, meaning in ONLY_V1:
        holder = resources.get(group)
        member = holder and holder.get(key)
        if member is not None and member.value not in nothing:
            raise ConfigError(
                member.pointer,
                f"found {shown(member.value)}, but a cgroup of version 2 has not got {meaning}",
                "leave this property out",
            )


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
    """Which of r (read), w (write) and m (mknod)."""
    if not node.string() or not ACCESS.issuperset(node.string()):
        raise node.wrong("one or more of the letters r, w and m")
    return node.string()


def read_memory(node: Node) -> Memory:
    """config-linux.md#memory"""
    # These two ask for nothing more. Version 2 always counts in a hierarchy, and `checkBeforeUpdate` is about the
    # memory in use, of which a new container has none.
    node.flag("useHierarchy")
    node.flag("checkBeforeUpdate")
    memory = Memory(
        limit=node.number("limit", -1, MAX_INT64) or None,
        reservation=node.number("reservation", -1, MAX_INT64) or None,
        swap=node.number("swap", -1, MAX_INT64) or None,
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
