"""The records of config.py for what few containers ask for. Only the readers of that import them."""

from __future__ import annotations

from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    pass


class Scheduler(Record):
    """config.md#linux-process: sched_setattr(2). `runtime`, `deadline` and `period` are nanoseconds."""

    policy: str
    nice: int = 0
    priority: int = 0
    flags: tuple[str, ...] = ()
    runtime: int = 0
    deadline: int = 0
    period: int = 0


class IOPriority(Record):
    """config.md#linux-process: ioprio_set(2). `cls` is a name such as IOPRIO_CLASS_BE."""

    cls: str
    priority: int


class Personality(Record):
    """config-linux.md#personality"""

    domain: str


class SyscallArgument(Record):
    """config-linux.md#seccomp: a condition. Of SCMP_CMP_MASKED_EQ, `value` is the mask and `value_two` the result."""

    index: int
    value: int
    op: str
    value_two: int = 0


class SyscallRule(Record):
    """config-linux.md#seccomp: what happens to calls of these names; `action` is a name such as SCMP_ACT_ALLOW."""

    names: tuple[str, ...]
    action: str
    errno_ret: int | None = None
    args: tuple[SyscallArgument, ...] = ()


class Seccomp(Record):
    """config-linux.md#seccomp"""

    default_action: str
    default_errno_ret: int | None = None
    architectures: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    listener_path: str | None = None
    listener_metadata: str | None = None
    syscalls: tuple[SyscallRule, ...] = ()
    # of annotations:
    program: bytes = b""  # for seccomp(2), in the place of all that is above
    fails_on_unknown: bool = False  # by a call that libseccomp does not know
    place: str = "/linux/seccomp"
    listener_place: str = "/linux/seccomp/listenerPath"


class NetDevice(Record):
    """config-linux.md#network-devices: a device of the host, and its name in the container."""

    host_name: str
    name: str


class MemoryPolicy(Record):
    """config-linux.md#memory-policy: set_mempolicy(2). `nodes` are numbers, each once and in order."""

    mode: str
    nodes: tuple[int, ...] = ()
    flags: tuple[str, ...] = ()


class IntelRdt(Record):
    """config-linux.md#intelrdt: a class of service of the kernel's resctrl, "" standing for the root one."""

    clos_id: str | None = None
    schemata: tuple[str, ...] = ()
    l3_cache_schema: str | None = None
    mem_bw_schema: str | None = None
    enable_monitoring: bool = False
