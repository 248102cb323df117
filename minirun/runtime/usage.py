"""What running containers use, read again and again: for `stats` and `top`."""

from __future__ import annotations

import os
import time

from ..cgroups import hierarchy, usage
from ..cgroups.usage import LIMITS, OWN, CpuUse, IoUse, Machine, MemoryUse, PidsUse, Pressure, Reading, SwapUse
from ..errors import StateError
from ..kernel import files
from ..kernel.processes import start_time, stat_fields
from ..record import Record
from ..safe import safe
from .books import ALIVE, CREATED, Container, find, rfc3339
from .directory import ids

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LONGEST_PROGRAM = 200  # characters of a command line: more is on no screen


class Usage(Record):
    """What a container uses at one moment. The fields are those of `stats --json`; None: the kernel does not say."""

    id: str
    time: str
    status: str
    pid: int
    program: str
    uptime_seconds: float
    cpu: CpuUse | None
    memory: MemoryUse | None
    swap: SwapUse | None
    pids: PidsUse | None
    io: IoUse | None
    pressure: Pressure
    missing: tuple[str, ...]  # why something is None, a sentence each


class Look(Record):
    machine: Machine
    containers: tuple[Usage, ...]


class Watch:
    """Looks at the containers of these ids, or at all there are. Rates are what has happened since the last look."""

    def __init__(self, root: str, names: tuple[str, ...]) -> None:
        """Raises StateError: one that is named does not run."""
        self.root, self.names = root, tuple(dict.fromkeys(names))
        self.before: dict[tuple[str, int], Reading] = {}
        for name in self.names:
            if find(root, name).status() not in ALIVE:
                raise StateError(f"container not running: {name}\n  cure:  minirun list says what has become of it")

    def look(self) -> Look:
        """Those that have ended meanwhile are left out."""
        machine, mount = read_machine(), hierarchy.mount_point()
        before, self.before = self.before, {}
        found = []
        for container, status in running(self.root, self.names or ids(self.root)):
            reading = read_cgroup(container.cgroup, mount, machine)
            if container.cgroup and not reading.own:
                continue  # it ends just now
            who = (container.facts["id"], container.pid)  # a later container may have the same id
            self.before[who] = reading
            found.append(usage_of(container, status, before.get(who), reading, mount))
        return Look(machine, tuple(found))


def running(root: str, names: Iterable[str]) -> Iterator[tuple[Container, str]]:
    for name in names:
        try:
            container = find(root, name)
            status = container.status()
        except (StateError, OSError):
            continue  # just being made, or gone meanwhile
        if status in ALIVE:
            yield container, status


def usage_of(container: Container, status: str, before: Reading | None, now: Reading, mount: str) -> Usage:
    return Usage(
        id=container.facts["id"],
        time=rfc3339(time.time()),
        status=status,
        pid=container.pid,
        program="" if status == CREATED else program(container.pid),
        uptime_seconds=uptime(container.pid),
        cpu=usage.cpu(before, now),
        memory=usage.memory(now),
        swap=usage.swap(now),
        pids=usage.pids(now),
        io=usage.io(before, now),
        pressure=usage.pressure(now),
        missing=tuple(map(safe, missing(container.cgroup, now, mount))),
    )


def program(pid: int) -> str:
    """What runs, as it says itself."""
    words = (text_of(f"/proc/{pid}/cmdline") or "").rstrip("\0").replace("\0", " ")
    return safe(words[:LONGEST_PROGRAM])


def uptime(pid: int) -> float:
    """proc_pid_stat(5), field 22: clock ticks since boot, which CLOCK_BOOTTIME counts from (clock_gettime(2))."""
    stat = stat_fields(pid)
    if stat is None:
        return 0.0
    started = start_time(stat) / os.sysconf("SC_CLK_TCK")
    return round(max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - started), 2)


# ---- files


def read_machine() -> Machine:
    """proc_meminfo(5) counts in KiB. A thread takes a pid, so the lower of two limits holds (proc_sys_kernel(5))."""
    rows = (line.split() for line in files.read_file("/proc/meminfo").splitlines())
    told = {row[0].rstrip(":"): 1024 * int(row[1]) for row in rows}
    most = min(int(files.read_file(f"/proc/sys/kernel/{name}")) for name in ("pid_max", "threads-max"))
    return Machine(os.cpu_count() or 1, told["MemTotal"], told.get("SwapTotal", 0), most)


def read_cgroup(cgroup: str, mount: str, machine: Machine) -> Reading:
    """Without a cgroup of its own (--cgroup-manager disabled) nothing is counted for the container alone."""
    seconds = time.monotonic()
    if not cgroup:
        return Reading(seconds, {}, (), machine)
    own = read_files(cgroup, (*OWN, *LIMITS))
    if "io.stat" in own:
        own["io.stat"] = whole_disks(own["io.stat"])
    above = tuple((safe(place[len(mount) :]), read_files(place, LIMITS)) for place in parents(mount, cgroup))
    return Reading(seconds, own, above, machine)


def parents(mount: str, cgroup: str) -> Iterator[str]:
    """The cgroups above this one, the nearest first. The root of the hierarchy has no limits.

    Without a mount (unmounted since, or not in this mount namespace) none can be seen."""
    place = os.path.dirname(cgroup)
    while mount and place.startswith(f"{mount}/"):
        yield place
        place = os.path.dirname(place)


def read_files(directory: str, names: tuple[str, ...]) -> dict[str, str]:
    return {name: text for name in names if (text := text_of(f"{directory}/{name}")) is not None}


def text_of(path: str) -> str | None:
    """None where the file is missing, as its controller may be, or the cgroup by now."""
    try:
        return files.read_file(path)
    except OSError:
        return None


def whole_disks(text: str) -> str:
    """The lines of io.stat without those of disks that are made of others (LVM, LUKS, RAID): what goes through these is
    counted twice, for them and for what they are made of."""
    return "".join(f"{line}\n" for line in text.splitlines() if not is_made_of_others(line.partition(" ")[0]))


def is_made_of_others(device: str) -> bool:
    try:
        return bool(os.listdir(f"/sys/dev/block/{device}/slaves"))
    except OSError:
        return False


# ---- what is not there, and why

# A file of each controller that is there with it, in every cgroup but the root.
MARKS = {"cpu": "cpu.max", "io": "io.stat", "memory": "memory.current", "pids": "pids.current"}


def missing(cgroup: str, now: Reading, mount: str) -> Iterator[str]:
    if not cgroup:
        yield "nothing is counted: the container has no cgroup of its own"
        return
    gone = {name for name, mark in MARKS.items() if mark not in now.own}
    if gone:
        yield from hierarchy.reasons_for_missing(mount, os.path.dirname(cgroup), gone)
    if "memory.current" in now.own and "memory.swap.current" not in now.own:
        yield "no swap: this kernel does not count it"
    if not any(now.own.get(f"{what}.pressure") for what in Pressure.fields):
        yield "no pressure: this kernel does not measure it (CONFIG_PSI, psi=1)"
