"""What is measured, as tables: each metric with its name, its unit and the file of the kernel that it is from.

Names and units are as Prometheus wants them (its "Metric and label naming"): base units, `_total` at the end of what
only grows. The files are explained in the kernel's Documentation/admin-guide/cgroup-v2.rst, accounting/psi.rst and
proc_pid_net(5).
"""

from __future__ import annotations

from ..record import Record

COUNTER, GAUGE = "counter", "gauge"
MICROSECONDS = 1_000_000  # of a second
PREFIX = "minirun_container_"


class Metric(Record):
    """A metric of a container. The labels come after `id`."""

    name: str
    kind: str
    help: str
    file: str
    key: str = ""  # the word in the file; "" for a file that is one number
    divisor: int = 1  # from the file's unit to the metric's
    labels: tuple[str, ...] = ()

    @property
    def base_name(self) -> str:
        """As it is scraped, but for a counter's _total, which the library adds."""
        return PREFIX + self.name

    @property
    def full_help(self) -> str:
        column = f", {self.key}" if self.key and not self.file.startswith("/proc/") else ""
        return f"{self.help} ({self.file}{column})."


def cpu(name: str, key: str, help: str, divisor: int = MICROSECONDS) -> Metric:
    return Metric(name, COUNTER, help, "cpu.stat", key, divisor)


# Lines of a word and a number.
KEYED = (
    cpu("cpu_usage_seconds", "usage_usec", "Processor time that the container has used"),
    cpu("cpu_user_seconds", "user_usec", "Processor time in its own code"),
    cpu("cpu_system_seconds", "system_usec", "Processor time in the kernel"),
    cpu("cpu_periods", "nr_periods", "Periods of cpu.max in which it wanted to run", 1),
    cpu("cpu_throttled_periods", "nr_throttled", "Periods in which its quota was used up", 1),
    cpu("cpu_throttled_seconds", "throttled_usec", "Time that it had to wait for its next quota"),
)

# Files that are one number, or the word max, which is no number: then there is no limit, and no metric.
SINGLE = (
    Metric("memory_usage_bytes", GAUGE, "Memory in use, with the page cache", "memory.current"),
    Metric("memory_peak_bytes", GAUGE, "The most memory that was ever in use", "memory.peak"),
    Metric("memory_limit_bytes", GAUGE, "Above this, the OOM killer comes", "memory.max"),
    Metric("memory_high_bytes", GAUGE, "Above this, it is slowed down", "memory.high"),
    Metric("memory_swap_bytes", GAUGE, "Swap in use", "memory.swap.current"),
    Metric("memory_swap_limit_bytes", GAUGE, "The most swap it may use", "memory.swap.max"),
    Metric("pids", GAUGE, "Tasks: processes and their threads", "pids.current"),
    Metric("pids_limit", GAUGE, "The most tasks it may have", "pids.max"),
)

MEMORY_EVENTS = Metric(
    "memory_events", COUNTER, "How often a bound of memory was hit", "memory.events", labels=("event",)
)


def disk(name: str, key: str, help: str) -> Metric:
    return Metric(name, COUNTER, help, "io.stat", key, labels=("device",))


DISKS = (
    disk("io_read_bytes", "rbytes", "Bytes read from a disk"),
    disk("io_written_bytes", "wbytes", "Bytes written to a disk"),
    disk("io_reads", "rios", "Reads from a disk"),
    disk("io_writes", "wios", "Writes to a disk"),
)

# cpu, memory and io have a file each; some: at least one task waited, full: all of them did.
PRESSURE_RATIO = Metric(
    "pressure_ratio",
    GAUGE,
    "Share of the last 10, 60 or 300 seconds in which tasks waited for a resource",
    "RESOURCE.pressure",
    "avg10, avg60, avg300",
    100,
    ("resource", "kind", "window"),
)
PRESSURE_SECONDS = Metric(
    "pressure_waiting_seconds",
    COUNTER,
    "Time in which tasks waited for a resource",
    "RESOURCE.pressure",
    "total",
    MICROSECONDS,
    ("resource", "kind"),
)
RESOURCES = ("cpu", "memory", "io")


def network(name: str, key: str, help: str) -> Metric:
    return Metric(name, COUNTER, help, "/proc/PID/net/dev", key, labels=("interface",))


# The keys are those of `events` (cgroups/statistics.py), which reads the same lines.
NETWORK = tuple(
    network(f"network_{word}_{what}", key, f"{help} in its network namespace")
    for word, way, verb in (("receive", "Rx", "received"), ("transmit", "Tx", "sent"))
    for what, key, help in (
        ("bytes", f"{way}Bytes", f"Bytes {verb}"),
        ("packets", f"{way}Packets", f"Packets {verb}"),
        ("errors", f"{way}Errors", f"Packets that could not be {verb}"),
        ("drops", f"{way}Dropped", f"Packets that were dropped, not {verb}"),
    )
)

OF_CGROUP = (*KEYED, *SINGLE, MEMORY_EVENTS, *DISKS, PRESSURE_RATIO, PRESSURE_SECONDS)
METRICS = (*OF_CGROUP, *NETWORK)
FILES = tuple(
    dict.fromkeys(metric.file.replace("RESOURCE", resource) for metric in OF_CGROUP for resource in RESOURCES)
)  # of the cgroup, each once
