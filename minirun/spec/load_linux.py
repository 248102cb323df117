"""config.json's /linux -> Linux, but for its two big objects: load_resources.py, load_seccomp.py."""

from __future__ import annotations

from ..errors import ConfigError
from .config import Device, IdMapping, Linux, Namespace, Resources, TimeOffset
from .config_rare import Personality
from .load_process import MAX_ID, read_id
from .load_rare import intel_rdt, memory_policy, net_devices, seccomp
from .load_resources import read_resources
from .reader import Node, refuse_more_than, refuse_twice
from .sysctl import namespace_of

NAMESPACES = ("pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time")
MOST_NAMESPACES = 100  # more than there are, and few enough to say which one comes twice
CLOCKS = ("monotonic", "boottime")  # time_namespaces(7)
DEVICE_TYPES = ("c", "b", "u", "p")  # mknod(1)
PROPAGATIONS = ("shared", "slave", "private", "unbindable", "rshared", "rslave", "rprivate", "runbindable")
DOMAINS = ("LINUX", "LINUX32")

MAX_INT64 = 2**63 - 1
MAX_MAJOR, MAX_MINOR = 2**12 - 1, 2**20 - 1  # the kernel's dev_t, include/linux/kdev_t.h
MAX_MODE = 0o177777  # st_mode, inode(7)
PERMISSIONS = 0o7777
MOST_MAPPINGS = 340  # user_namespaces(7), since Linux 4.15
MOST_MOUNTS = 100_000  # of a mount namespace: sysctl fs.mount-max, as the kernel sets it


def read_linux(node: Node) -> Linux:
    """config-linux.md"""
    return Linux(
        namespaces=node.maybe("namespaces", read_namespaces) or (),
        uid_mappings=node.maybe("uidMappings", read_mappings) or (),
        gid_mappings=node.maybe("gidMappings", read_mappings) or (),
        time_offsets=tuple(node.table("timeOffsets", read_time_offset).values()),
        devices=node.maybe("devices", read_devices) or (),
        cgroups_path=node.maybe("cgroupsPath", read_cgroups_path) or None,
        resources=node.maybe("resources", read_resources) or Resources(),
        rootfs_propagation=read_propagation(node),
        masked_paths=node.maybe("maskedPaths", read_paths) or (),
        readonly_paths=node.maybe("readonlyPaths", read_paths) or (),
        sysctl=node.table("sysctl", read_parameter),
        personality=node.maybe("personality", read_personality),
        seccomp=node.maybe("seccomp", seccomp),
        net_devices=node.maybe("netDevices", net_devices) or (),
        memory_policy=node.maybe("memoryPolicy", memory_policy),
        intel_rdt=node.maybe("intelRdt", intel_rdt),
        mount_label=node.maybe("mountLabel", read_mount_label) or None,
    )


def read_namespaces(node: Node) -> tuple[Namespace, ...]:
    """config-linux.md#namespaces: listing a type twice MUST be an error."""
    refuse_more_than(MOST_NAMESPACES, node)
    namespaces = node.every(read_namespace)
    refuse_twice(node.pointer, (namespace.type for namespace in namespaces))
    return namespaces


def read_namespace(node: Node) -> Namespace:
    """config-linux.md#namespaces"""
    return Namespace(type=node.need("type").one_of(NAMESPACES), path=node.maybe("path", Node.absolute_path))


def read_mappings(node: Node) -> tuple[IdMapping, ...]:
    """user_namespaces(7): the kernel takes that many lines."""
    refuse_more_than(MOST_MAPPINGS, node)
    return node.every(read_mapping)


def read_mapping(node: Node) -> IdMapping:
    """config-linux.md#user-namespace-mappings"""
    return IdMapping(
        container_id=read_id(node.need("containerID")),
        host_id=read_id(node.need("hostID")),
        size=node.need("size").integer(1, MAX_ID + 1),
    )


def read_time_offset(clock: str, node: Node) -> TimeOffset:
    """config-linux.md#offset-for-time-namespace. It may be negative, by its seconds (time_namespaces(7))."""
    if clock not in CLOCKS:
        raise ConfigError(node.pointer, "found a clock that has no offset", "one of " + ", ".join(CLOCKS))
    return TimeOffset(
        clock=clock,
        secs=node.number("secs", -MAX_INT64 - 1, MAX_INT64) or 0,
        nanosecs=node.number("nanosecs", 0, 999_999_999) or 0,
    )


def read_devices(node: Node) -> tuple[Device, ...]:
    """config-linux.md#devices"""
    refuse_more_than(MOST_MOUNTS, node)
    return node.every(read_device)


def read_device(node: Node) -> Device:
    """config-linux.md#devices: the numbers are REQUIRED unless it is a FIFO, which has none."""
    kind = node.need("type").one_of(DEVICE_TYPES)
    is_fifo = kind == "p"
    return Device(
        type=kind,
        path=node.need("path").absolute_path(),
        major=0 if is_fifo else node.need("major").integer(0, MAX_MAJOR),
        minor=0 if is_fifo else node.need("minor").integer(0, MAX_MINOR),
        file_mode=node.maybe("fileMode", read_file_mode),
        uid=node.maybe("uid", read_id),
        gid=node.maybe("gid", read_id),
    )


def read_paths(node: Node) -> tuple[str, ...]:
    """config-linux.md#masked-paths, #readonly-paths: each is a mount."""
    refuse_more_than(MOST_MOUNTS, node)
    return node.every(Node.absolute_path)


def read_file_mode(node: Node) -> int:
    """The permissions. Some engines send the whole st_mode of stat(2), which tells the kind of file as well."""
    return node.integer(0, MAX_MODE) & PERMISSIONS


def read_cgroups_path(node: Node) -> str:
    """config-linux.md#cgroups-path: a runtime may refuse values; ".." would lead out of the place it is relative to."""
    parts = node.string().split("/")
    if ".." in parts:
        raise node.wrong('a path without ".."')
    if node.string() and {"", "."}.issuperset(parts):
        raise node.wrong("a path below the root of the hierarchy")
    return node.string()


def read_propagation(linux: Node) -> str | None:
    """config-linux.md#rootfs-mount-propagation; the r-forms of mount(8) are not in the spec, but engines send them."""
    node = linux.get("rootfsPropagation")
    return node.one_of(PROPAGATIONS) if node is not None and node.value != "" else None


def read_parameter(key: str, node: Node) -> str:
    """config-linux.md#sysctl: only what belongs to a namespace, because the rest would change the host."""
    if key in ("kernel.hostname", "kernel/hostname"):
        raise ConfigError(node.pointer, "found the host name", "the property /hostname sets it")
    if namespace_of(key) is None:
        raise ConfigError(
            node.pointer,
            "found a parameter that would change the host, or none at all",
            "parameters of the ipc, network, uts and user namespaces, such as net.ipv4.ip_forward",
        )
    return node.string()


def read_mount_label(node: Node) -> str:
    """config-linux.md#mount-label: it will stand between quotation marks, since labels have commas (mount(8))."""
    if '"' in node.string():
        raise node.wrong("a label without quotation marks")
    return node.string()


def read_personality(node: Node) -> Personality:
    """config-linux.md#personality: the spec defines no flags so far."""
    node.each("flags", refuse_flag)
    return Personality(domain=node.need("domain").one_of(DOMAINS))


def refuse_flag(node: Node) -> None:
    raise node.wrong("no flags: the spec defines none")
