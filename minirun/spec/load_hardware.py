"""config.json's /linux/netDevices, /linux/memoryPolicy and /linux/intelRdt: the machine's parts and the container."""

from __future__ import annotations

from ..errors import ConfigError
from .config_rare import IntelRdt, MemoryPolicy, NetDevice
from .reader import Node, escape

NAME_LENGTH = 15  # IFNAMSIZ of linux/if.h, without the byte that ends it
NAMES = f"a device's name: 1 to {NAME_LENGTH} bytes without /, : and blanks"
TEMPLATE = "%d"  # the kernel puts a free number here

# set_mempolicy(2), and whether the mode takes nodes: None where it may have them or not.
MODES = {
    "MPOL_DEFAULT": False,
    "MPOL_PREFERRED": None,
    "MPOL_BIND": True,
    "MPOL_INTERLEAVE": True,
    "MPOL_LOCAL": False,
    "MPOL_PREFERRED_MANY": True,
    "MPOL_WEIGHTED_INTERLEAVE": True,
}
MODE_FLAGS = ("MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES", "MPOL_F_STATIC_NODES")
MAX_NODE = 1023  # MAX_NUMNODES of the kernel is at most 1024: NODES_SHIFT in mm/Kconfig
NODES = f"a list of memory nodes such as 0-3,7, none above {MAX_NODE}"

# What every group of resctrl has: Documentation/arch/x86/resctrl.rst of the kernel.
RESCTRL_OWN = (".", "..", "info", "mon_data", "mon_groups")


# ---- network devices


def read_net_devices(node: Node) -> tuple[NetDevice, ...]:
    """config-linux.md#network-devices: an object whose keys are the host's names."""
    devices = tuple(node.entries(read_net_device).values())
    taken: set[str] = set()
    for device in devices:
        if device.name in taken:
            place = f"{node.pointer}/{escape(device.host_name)}"
            raise ConfigError(place, f"found the name {device.name!r} a second time", "a name of its own for each")
        taken.update({device.name} if TEMPLATE not in device.name else ())
    return devices


def read_net_device(host_name: str, node: Node) -> NetDevice:
    if not is_device_name(host_name) or "%" in host_name:  # which the kernel takes for a template
        raise ConfigError(node.pointer, "found a name that no network device can have", NAMES)
    return NetDevice(host_name, node.maybe("name", read_new_name) or host_name)


def read_new_name(node: Node) -> str:
    name = node.string()
    if name and (not is_device_name(name) or "%" in name.removesuffix(TEMPLATE)):
        raise node.wrong(f"{NAMES}; {TEMPLATE} at its end is a number")
    return name


def is_device_name(name: str) -> bool:
    """dev_valid_name of the kernel's net/core/dev.c"""
    fits = 1 <= len(name.encode()) <= NAME_LENGTH
    return fits and name not in (".", "..") and not any(char in "/:" or char.isspace() for char in name)


# ---- memory policy


def read_memory_policy(node: Node) -> MemoryPolicy:
    """config-linux.md#memory-policy"""
    mode = node.need("mode").one_of(MODES)
    nodes = node.maybe("nodes", read_nodes) or ()
    flags = node.each("flags", lambda flag: flag.one_of(MODE_FLAGS))
    takes_nodes = MODES[mode]
    if takes_nodes is not None and takes_nodes != bool(nodes):
        found, allowed = ("missing", "at least one node") if takes_nodes else ("found nodes", "no nodes")
        raise ConfigError(f"{node.pointer}/nodes", found, f"{allowed} with {mode}")
    if {"MPOL_F_RELATIVE_NODES", "MPOL_F_STATIC_NODES"} <= set(flags):
        raise ConfigError(f"{node.pointer}/flags", "found both RELATIVE and STATIC nodes", "one of them")
    return MemoryPolicy(mode, nodes, flags)


def read_nodes(node: Node) -> tuple[int, ...]:
    """The list format of cpuset(7): numbers and ranges."""
    numbers: set[int] = set()
    for part in node.string().split(",") if node.string() else ():
        first, dash, last = part.strip().partition("-")
        ends = (first, last if dash else first)
        if not all(end.isascii() and end.isdigit() and len(end) <= 4 for end in ends):
            raise node.wrong(NODES)
        low, high = map(int, ends)
        if low > high or high > MAX_NODE:
            raise node.wrong(NODES)
        numbers.update(range(low, high + 1))
    return tuple(sorted(numbers))


# ---- resctrl


def read_intel_rdt(node: Node) -> IntelRdt:
    """config-linux.md#intelrdt. Up to 1.2 the spec had two words for monitoring, which is one thing to the kernel."""
    monitoring = [node.flag(name) for name in ("enableMonitoring", "enableCMT", "enableMBM")]
    return IntelRdt(
        clos_id=node.maybe("closID", read_clos_id),
        schemata=node.each("schemata", read_schema_line),
        l3_cache_schema=node.text("l3CacheSchema"),
        mem_bw_schema=node.maybe("memBwSchema", read_mem_bw_schema) or None,
        enable_monitoring=any(monitoring),
    )


def read_clos_id(node: Node) -> str | None:
    """A directory's name, or / for the root group, which is told as ""."""
    name = node.string()
    if name == "/":
        return ""
    if name in RESCTRL_OWN or "/" in name:
        raise node.wrong("the name of a class of service: a directory of resctrl, or / for the root")
    return name or None


def read_schema_line(node: Node) -> str:
    if "\n" in node.filled():
        raise node.wrong("one line for each string")
    return node.string()


def read_mem_bw_schema(node: Node) -> str:
    if node.string() and (not node.string().startswith("MB:") or "\n" in node.string()):
        raise node.wrong("one line that begins with MB:")
    return node.string()
