"""config.json as typed records, one for each object of the OCI runtime spec, with the spec's names in snake case.

Absent properties are None or empty, never a guess: what absence means is decided where the plan is made.
Source: https://github.com/opencontainers/runtime-spec, config.md and config-linux.md.
"""

from __future__ import annotations

from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from .config_rare import IntelRdt, IOPriority, MemoryPolicy, NetDevice, Personality, Scheduler, Seccomp

UNIT_PROPERTY = "org.systemd.property."  # begins the name of an annotation that is a property of systemd's unit
EXTENSION = "run.oci."  # begins the name of one that crun has, for what the specification has no property (crun(1))


class IdMapping(Record):
    """config-linux.md#user-namespace-mappings: `size` ids from `container_id` on are `host_id` and on outside."""

    container_id: int
    host_id: int
    size: int


class Mount(Record):
    """config.md#mounts"""

    destination: str
    type: str | None = None
    source: str | None = None
    options: tuple[str, ...] = ()
    uid_mappings: tuple[IdMapping, ...] = ()
    gid_mappings: tuple[IdMapping, ...] = ()


class Root(Record):
    """config.md#root"""

    path: str
    readonly: bool = False


class User(Record):
    """config.md#posix-platform-user"""

    uid: int
    gid: int
    umask: int | None = None
    additional_gids: tuple[int, ...] = ()


class Rlimit(Record):
    """config.md#posix-process: `type` is a name such as RLIMIT_NOFILE."""

    type: str
    soft: int
    hard: int


class Capabilities(Record):
    """config.md#linux-process: five sets of names such as CAP_CHOWN."""

    bounding: tuple[str, ...] = ()
    effective: tuple[str, ...] = ()
    inheritable: tuple[str, ...] = ()
    permitted: tuple[str, ...] = ()
    ambient: tuple[str, ...] = ()


class ConsoleSize(Record):
    """config.md#process, in characters."""

    height: int
    width: int


class Process(Record):
    """config.md#process"""

    cwd: str
    user: User
    args: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    terminal: bool = False
    console_size: ConsoleSize | None = None
    rlimits: tuple[Rlimit, ...] = ()
    capabilities: Capabilities | None = None
    no_new_privileges: bool = False
    oom_score_adj: int | None = None
    scheduler: Scheduler | None = None
    io_priority: IOPriority | None = None
    affinity_before: tuple[int, ...] = ()  # execCPUAffinity: for `exec` only, before it joins the cgroup
    affinity_after: tuple[int, ...] = ()  # and after it
    apparmor_profile: str | None = None
    selinux_label: str | None = None


class Namespace(Record):
    """config-linux.md#namespaces: new where `path` is None, else the one that the path names."""

    type: str
    path: str | None = None


class Device(Record):
    """config-linux.md#devices: `type` is one of c, b, u, p."""

    type: str
    path: str
    major: int = 0
    minor: int = 0
    file_mode: int | None = None
    uid: int | None = None
    gid: int | None = None


class DeviceRule(Record):
    """config-linux.md#allowed-device-list: the last rule that matches wins. None matches every number."""

    allow: bool
    type: str = "a"
    major: int | None = None
    minor: int | None = None
    access: str = "rwm"


class TimeOffset(Record):
    """config-linux.md#offset-for-time-namespace: what a new time namespace adds to a clock."""

    clock: str
    secs: int = 0
    nanosecs: int = 0
    place: str = ""  # in config.json, if it is another


class Memory(Record):
    """config-linux.md#memory, in bytes; -1 means no limit. `swap` counts memory and swap together."""

    limit: int | None = None
    reservation: int | None = None
    swap: int | None = None
    check_before_update: bool = False


class Cpu(Record):
    """config-linux.md#cpu: `quota`, `period` and `burst` are microseconds."""

    shares: int | None = None
    quota: int | None = None
    period: int | None = None
    burst: int | None = None
    idle: int | None = None
    cpus: str | None = None
    mems: str | None = None


class WeightDevice(Record):
    """config-linux.md#block-io: a weight for one disk."""

    major: int
    minor: int
    weight: int


class ThrottleDevice(Record):
    """config-linux.md#block-io: a limit for one disk, in bytes or operations per second. 0 means no limit."""

    major: int
    minor: int
    rate: int


class BlockIO(Record):
    """config-linux.md#block-io"""

    weight: int | None = None
    weight_device: tuple[WeightDevice, ...] = ()
    throttle_read_bps_device: tuple[ThrottleDevice, ...] = ()
    throttle_write_bps_device: tuple[ThrottleDevice, ...] = ()
    throttle_read_iops_device: tuple[ThrottleDevice, ...] = ()
    throttle_write_iops_device: tuple[ThrottleDevice, ...] = ()


class HugepageLimit(Record):
    """config-linux.md#huge-page-limits, in bytes. `page_size` is a name such as 2MB."""

    page_size: str
    limit: int


class Rdma(Record):
    """config-linux.md#rdma: limits for one device of the host."""

    device: str
    hca_handles: int | None = None
    hca_objects: int | None = None


class Resources(Record):
    """config-linux.md#control-groups"""

    devices: tuple[DeviceRule, ...] = ()
    memory: Memory | None = None
    cpu: Cpu | None = None
    pids_limit: int | None = None
    block_io: BlockIO | None = None
    hugepage_limits: tuple[HugepageLimit, ...] = ()
    rdma: tuple[Rdma, ...] = ()
    unified: Mapping[str, str] = {}


class Linux(Record):
    """config-linux.md"""

    namespaces: tuple[Namespace, ...] = ()
    uid_mappings: tuple[IdMapping, ...] = ()
    gid_mappings: tuple[IdMapping, ...] = ()
    time_offsets: tuple[TimeOffset, ...] = ()
    devices: tuple[Device, ...] = ()
    cgroups_path: str | None = None
    resources: Resources = Resources()
    rootfs_propagation: str | None = None
    masked_paths: tuple[str, ...] = ()
    readonly_paths: tuple[str, ...] = ()
    sysctl: Mapping[str, str] = {}
    personality: Personality | None = None
    seccomp: Seccomp | None = None
    mount_label: str | None = None
    net_devices: tuple[NetDevice, ...] = ()
    memory_policy: MemoryPolicy | None = None
    intel_rdt: IntelRdt | None = None
    mount_context: str = "context"  # what mount(8) calls the option by which `mount_label` is told; of an annotation


class Hook(Record):
    """config.md#posix-platform-hooks. `timeout` is in seconds. An `env` that is empty is another than none."""

    path: str
    args: tuple[str, ...]
    env: tuple[str, ...] | None = None
    timeout: int | None = None


class Hooks(Record):
    prestart: tuple[Hook, ...] = ()
    create_runtime: tuple[Hook, ...] = ()
    create_container: tuple[Hook, ...] = ()
    start_container: tuple[Hook, ...] = ()
    poststart: tuple[Hook, ...] = ()
    poststop: tuple[Hook, ...] = ()


class Extensions(Record):
    """What annotations ask for that no property is for (load_extensions.py)."""

    keep_groups: bool = False  # the caller's, whatever the process's user
    hooks_stdout: str = ""  # a file of the host's that the hooks write to
    hooks_stderr: str = ""
    pidfd_receiver: str = ""  # a socket to send a pidfd of the container's process to
    delegated_cgroup: str = ""  # below the container's, begins with /: where the program is, without limits of its own


class Config(Record):
    """config.md: the whole file. Where in it a value stands (/mounts/1/type) follows from the names and the order."""

    oci_version: str
    root: Root
    process: Process | None = None
    hostname: str | None = None
    domainname: str | None = None
    mounts: tuple[Mount, ...] = ()
    annotations: Mapping[str, str] = {}
    linux: Linux = Linux()
    hooks: Hooks = Hooks()
    extensions: Extensions = Extensions()
