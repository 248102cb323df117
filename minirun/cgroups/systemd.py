"""What a container's cgroup is called where systemd makes it, and which of its limits systemd has to know.

systemd keeps a unit for each cgroup: a slice has other units below it, a scope has processes that somebody else has
started (systemd.scope(5)). A limit that systemd knows has to be a property of the scope as well as a file of its
cgroup: `systemctl daemon-reload`, or a new unit beside it, makes systemd write all files of the controllers that it
knows, each with its own idea of the value.

    memory.max, low, min, high, swap.max, zswap.max  ->  MemoryMax, MemoryLow, MemoryMin, MemoryHigh, …
    pids.max                                         ->  TasksMax
    cpu.weight, cpu.idle                             ->  CPUWeight
    cpu.max                                          ->  CPUQuotaPerSecUSec, CPUQuotaPeriodUSec
    cpuset.cpus, cpuset.mems                         ->  AllowedCPUs, AllowedMemoryNodes
    io.weight                                        ->  IOWeight, IODeviceWeight
    io.max                                           ->  IOReadBandwidthMax, IOWriteBandwidthMax, IOReadIOPSMax, …
    memory.oom.group                                 ->  OOMPolicy

What is not in this list, systemd never writes. Sources: systemd.resource-control(5), org.freedesktop.systemd1(5).
Nothing here makes a system call.
"""

from __future__ import annotations

from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .resources import CgroupFile
    from .systemd_values import Value

INFINITY = (1 << 64) - 1  # systemd's word for no limit
MOST_WEIGHT = 10000  # cgroups(7) has weights from 1 on
LEAST_TASKS = 16  # as many as the set-up may need: a lower limit has to wait for its end


class Property(Record):
    """A property of a unit: its D-Bus type is `signature`. Versions of systemd before `since` don't know it."""

    name: str
    signature: str
    value: Value
    since: int = 0
    place: str = ""  # where in config.json somebody asked for it by this name


# ---- names (systemd.unit(5))

NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.\\-@")
NAME_LENGTH = 255


class BadName(ValueError):
    """What `cgroupsPath` may be instead is its text."""


class Scope(Record):
    """A unit with the processes of a container, and the slice that it is in."""

    unit: str
    slice: str


def scope(cgroups_path: str | None, container_id: str, default_slice: str) -> Scope:
    """The unit that SLICE:PREFIX:NAME stands for, PREFIX-NAME.scope, as with other runtimes. Raises BadName."""
    if not cgroups_path:
        return Scope(escape(f"minirun-{container_id}") + ".scope", default_slice)
    parts = cgroups_path.split(":")
    if len(parts) != 3 or not parts[2]:
        raise BadName("SLICE:PREFIX:NAME, where systemd makes the cgroup, such as system.slice:minirun:web")
    slice_, prefix, name = parts
    if name.endswith(".slice"):
        raise BadName("the name of a scope: a slice holds no processes")
    unit = f"{prefix}-{name}.scope"
    if not NAME_CHARACTERS.issuperset(unit) or len(unit) > NAME_LENGTH:
        raise BadName(f"a unit's name: up to {NAME_LENGTH} letters, digits and :_.\\-@ (systemd.unit(5))")
    return Scope(unit, checked_slice(slice_) if slice_ else default_slice)


def escape(name: str) -> str:
    """Characters that a unit's name can't have, as systemd-escape(1) writes them. An id may have a plus sign."""
    return "".join(char if char in NAME_CHARACTERS else f"\\x{ord(char):02x}" for char in name)


def checked_slice(name: str) -> str:
    words = name.removesuffix(".slice").split("-")
    is_root = name == "-.slice"
    if not name.endswith(".slice") or not NAME_CHARACTERS.issuperset(name) or not (all(words) or is_root):
        raise BadName("a slice's name before the first colon, such as system.slice, or nothing")
    return name


def slices(name: str) -> list[str]:
    """A slice and those that it is in, from above: the name says so (systemd.slice(5)). a-b.slice is in a.slice."""
    if name == "-.slice":
        return []
    words = name.removesuffix(".slice").split("-")
    return ["-".join(words[: depth + 1]) + ".slice" for depth in range(len(words))]


def path_of(place: Scope) -> str:
    """The cgroup's path below that of the systemd that makes it."""
    return "".join(f"/{cgroup_name(name)}" for name in [*slices(place.slice), place.unit])


# Before the first dot of a file's name in a cgroup (systemd's src/basic/cgroup-util.c: cg_needs_escape).
CONTROLLERS = ("cgroup", "cpu", "cpuacct", "cpuset", "io", "blkio", "memory", "devices", "pids", "bpf-firewall",
               "bpf-devices", "bpf-foreign", "bpf-socket-bind", "bpf-restrict-network-interfaces")  # fmt: skip


def cgroup_name(unit: str) -> str:
    """A unit that is called like a file of the kernel's has an underscore before the name of its cgroup."""
    return f"_{unit}" if unit[0] in "_." or unit.partition(".")[0] in CONTROLLERS else unit


# ---- what makes a scope a container's


def base_properties(place: Scope, container_id: str) -> tuple[Property, ...]:
    return (
        Property("Description", "s", f"minirun container {container_id}"),
        Property("Slice", "s", place.slice),
        # What is below the scope's cgroup is the container's, and systemd leaves it alone.
        Property("Delegate", "b", True),
        Property("DefaultDependencies", "b", False),
        # A scope that failed, because the OOM killer came for instance, is forgotten like one that ended well.
        Property("CollectMode", "s", "inactive-or-failed", 236),
        # The device rules are minirun's own program: a second one, of systemd's, could only take something away.
        Property("DevicePolicy", "s", "auto"),
        *(Property(f"{name}Accounting", "b", True) for name in ("CPU", "Memory", "IO", "Tasks")),
    )


def passing_slices(name: str) -> tuple[tuple[str, tuple[Property, ...]], ...]:
    """The slices, as units that go with the last scope in them: for those that are not there yet. system.slice always
    is, and systemd would take the property for it."""
    passing = (
        Property("StopWhenUnneeded", "b", True),
        Property("CollectMode", "s", "inactive-or-failed", 236),
    )
    return tuple((slice_, passing) for slice_ in slices(name) if slice_ != "system.slice")


# ---- limits


def limit_properties(files: Iterable[CgroupFile]) -> tuple[Property, ...]:
    """The properties that stand for these files, in their order; of two that are for the same thing, the later."""
    found: dict[str, Property] = {}
    for file in files:
        name, value = file.name, file.value
        if file.otherwise and file.otherwise[0] in TRANSLATIONS:  # io.bfq.weight has no property, io.weight has
            name, value = file.otherwise
        for made in TRANSLATIONS.get(name, no_property)(value):
            before = found.get(made.name)
            found[made.name] = added(before, made) if before and made.signature == "a(st)" else made
    return tuple(found.values())


def added(before: Property, made: Property) -> Property:
    """A list with one more line; of two lines for one disk, the later."""
    assert isinstance(before.value, tuple) and isinstance(made.value, tuple)
    disks = {line[0] for line in made.value if isinstance(line, tuple)}
    kept = tuple(line for line in before.value if isinstance(line, tuple) and line[0] not in disks)
    return before.replace(value=kept + made.value)


def no_property(_value: str) -> Iterator[Property]:
    return iter(())


def number(text: str) -> int | None:
    """None for what minirun can't be sure of, such as a number with a unit, which only the kernel reads."""
    if text.strip() == "max":
        return INFINITY
    is_plain = text.strip().isascii() and text.strip().isdigit()
    return int(text) if is_plain and int(text) <= INFINITY else None


def simple(name: str, least: int = 0, most: int = INFINITY, since: int = 0) -> Callable[[str], Iterator[Property]]:
    """A property with a number, of which systemd takes none below `least`. None above `most` does the kernel take,
    either, and says so when the file is written."""

    def translate(value: str) -> Iterator[Property]:
        found = number(value)
        if found is not None and found <= most:
            yield Property(name, "t", max(found, least), since)

    return translate


def idle(value: str) -> Iterator[Property]:
    """A weight of 0 is how systemd calls an idle cgroup. The kernel gives one that is idle no more the default."""
    if value.strip() == "1":
        yield Property("CPUWeight", "t", 0, 252)
    else:
        yield Property("CPUWeight", "t", 100)


def cpu_quota(value: str) -> Iterator[Property]:
    """cpu.max is "QUOTA PERIOD", in microseconds. systemd counts in time per second, and keeps whole percents of it:

        CPUQuotaPerSecUSec = quota * 1000000 / period, rounded up to 10000

    So after systemd has written the file itself, a quota may be up to one percent of a processor more.
    """
    quota, period = (number(word) for word in [*(value.split() or [""]), "100000"][:2])
    if quota is None or not period:
        return
    per_second = INFINITY if quota == INFINITY else max(1, -(-quota * 100 // period)) * 10000
    if per_second > INFINITY:
        return  # the kernel does not take that much, either, and says so when the file is written
    yield Property("CPUQuotaPerSecUSec", "t", per_second)
    yield Property("CPUQuotaPeriodUSec", "t", period, 242)


def cpu_set(name: str) -> Callable[[str], Iterator[Property]]:
    """Lists such as 0-3,7 as a mask of bits, the lowest first."""

    def translate(value: str) -> Iterator[Property]:
        mask = 0
        for part in value.strip().split(",") if value.strip() else ():
            first, _, last = part.partition("-")
            ends = number(first), number(last or first)
            if ends[0] is None or ends[1] is None or ends[1] > 8191:
                return
            for bit in range(ends[0], ends[1] + 1):
                mask |= 1 << bit
        yield Property(name, "ay", mask.to_bytes((mask.bit_length() + 7) // 8, "little"), 244)

    return translate


def disk_weight(value: str) -> Iterator[Property]:
    """ "default 100", "100" or "8:16 100"."""
    disk, weight = ["", "default", *value.split()][-2:]
    found = number(weight)
    if found is None or not 1 <= found <= MOST_WEIGHT:
        return
    if disk == "default":
        yield Property("IOWeight", "t", found)
    else:
        yield Property("IODeviceWeight", "a(st)", ((f"/dev/block/{disk}", found),))


RATES = {
    "rbps": "IOReadBandwidthMax",
    "wbps": "IOWriteBandwidthMax",
    "riops": "IOReadIOPSMax",
    "wiops": "IOWriteIOPSMax",
}


def disk_rates(value: str) -> Iterator[Property]:
    """ "8:16 rbps=1048576 wiops=max"."""
    disk, *words = value.split() or [""]
    for word in words:
        key, _, rate = word.partition("=")
        found = number(rate)
        if key in RATES and found is not None:
            yield Property(RATES[key], "a(st)", ((f"/dev/block/{disk}", found),))


def oom_group(value: str) -> Iterator[Property]:
    """From version 253 on scopes have an OOMPolicy, and systemd writes the file by that."""
    yield Property("OOMPolicy", "s", "kill" if value.strip() == "1" else "continue", 253)


TRANSLATIONS: dict[str, Callable[[str], Iterator[Property]]] = {
    "memory.max": simple("MemoryMax", 1),
    "memory.high": simple("MemoryHigh", 1),
    "memory.low": simple("MemoryLow"),
    "memory.min": simple("MemoryMin"),
    "memory.swap.max": simple("MemorySwapMax"),
    "memory.zswap.max": simple("MemoryZSwapMax", since=253),
    "memory.oom.group": oom_group,
    "pids.max": simple("TasksMax", 1),
    "cpu.weight": simple("CPUWeight", 1, MOST_WEIGHT),
    "cpu.idle": idle,
    "cpu.max": cpu_quota,
    "cpuset.cpus": cpu_set("AllowedCPUs"),
    "cpuset.mems": cpu_set("AllowedMemoryNodes"),
    "io.weight": disk_weight,
    "io.max": disk_rates,
}


LATE = ("CPUWeight", "CPUQuotaPerSecUSec", "CPUQuotaPeriodUSec")


def is_late(made: Property) -> bool:
    """Whether it would hit the set-up, and slow it down or stop it."""
    is_few = made.name == "TasksMax" and isinstance(made.value, int) and made.value < LEAST_TASKS
    return is_few or made.name in LATE
