"""The files of a cgroup -> the statistics of `events`, in the shape that the tools of other runtimes read.

That shape is cgroup v1's, with nanoseconds, and memory and swap counted together; what the files say stands in the
kernel's Documentation/admin-guide/cgroup-v2.rst. Nothing here reads a file: `Files` has them by name, as far as they
are there.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    Files = Mapping[str, str]

NAMES = (
    "cpu.stat",
    "cpu.pressure",
    "cpuset.cpus.effective",
    "cpuset.mems.effective",
    "memory.current",
    "memory.max",
    "memory.peak",
    "memory.events",
    "memory.swap.current",
    "memory.swap.max",
    "memory.stat",
    "memory.pressure",
    "pids.current",
    "pids.max",
    "io.stat",
    "io.pressure",
)

MAX_UINT64 = 2**64 - 1  # "max", where a number is wanted


def statistics(files: Files) -> dict[str, Any]:
    """What one line of `events` tells under `data`, but for the network."""
    return {
        "cpu": cpu(files),
        "cpuset": cpuset(files),
        "memory": memory(files),
        "pids": pids(files),
        "blkio": block_io(files),
        "hugetlb": {size: huge_pages(files, size) for size in page_sizes(files)},
        "intel_rdt": {},
    }


def cpu(files: Files) -> dict[str, Any]:
    """Microseconds become nanoseconds. Version 2 does not count each processor by itself."""
    told = table(files.get("cpu.stat", ""))
    return {
        "usage": {
            "total": 1000 * told.get("usage_usec", 0),
            "kernel": 1000 * told.get("system_usec", 0),
            "user": 1000 * told.get("user_usec", 0),
        },
        "throttling": {
            "periods": told.get("nr_periods", 0),
            "throttledPeriods": told.get("nr_throttled", 0),
            "throttledTime": 1000 * told.get("throttled_usec", 0),
        },
        **pressure(files.get("cpu.pressure", "")),
    }


def cpuset(files: Files) -> dict[str, Any]:
    return {
        "cpus": numbers(files.get("cpuset.cpus.effective", "")),
        "mems": numbers(files.get("cpuset.mems.effective", "")),
    }


def memory(files: Files) -> dict[str, Any]:
    """`failcnt` was how often a limit was hit, which memory.events now has as `max`."""
    told = table(files.get("memory.stat", ""))
    used, limit = number(files.get("memory.current", "0")), number(files.get("memory.max", "max"))
    swapped, swap_limit = number(files.get("memory.swap.current", "0")), number(files.get("memory.swap.max", "max"))
    hits = table(files.get("memory.events", "")).get("max", 0)
    return {
        "cache": told.get("file", 0),
        "usage": {"limit": limit, "usage": used, "max": number(files.get("memory.peak", "0")), "failcnt": hits},
        "swap": {"limit": min(limit + swap_limit, MAX_UINT64), "usage": used + swapped, "failcnt": 0},
        "kernel": {"limit": MAX_UINT64, "usage": told.get("kernel", 0), "failcnt": 0},
        "kernelTCP": {"limit": MAX_UINT64, "usage": told.get("sock", 0), "failcnt": 0},
        "raw": dict(sorted(told.items())),
        **pressure(files.get("memory.pressure", "")),
    }


def pids(files: Files) -> dict[str, Any]:
    """Here 0 stands for no limit."""
    limit = number(files.get("pids.max", "max"))
    return {"current": number(files.get("pids.current", "0")), "limit": 0 if limit == MAX_UINT64 else limit}


# What a key of io.stat is in version 1: the list, and the word for the operation.
IO_KEYS = {
    "rbytes": ("ioServiceBytesRecursive", "Read"),
    "wbytes": ("ioServiceBytesRecursive", "Write"),
    "rios": ("ioServicedRecursive", "Read"),
    "wios": ("ioServicedRecursive", "Write"),
}


def block_io(files: Files) -> dict[str, Any]:
    """ "8:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0" -> an entry for each of the keys in the table.

    A disk that nothing was counted for has only its numbers in its line.
    """
    lists: dict[str, Any] = {}
    for line in files.get("io.stat", "").splitlines():
        disk, *pairs = line.split()
        major, _, minor = disk.partition(":")
        for key, _, value in (pair.partition("=") for pair in pairs):
            if key in IO_KEYS:
                name, operation = IO_KEYS[key]
                entry = {"major": int(major), "minor": int(minor), "op": operation, "value": int(value)}
                lists.setdefault(name, []).append(entry)
    return {**lists, **pressure(files.get("io.pressure", ""))}


def page_sizes(files: Files) -> list[str]:
    """ "hugetlb.2MB.current" -> "2MB" """
    parts = [name.split(".") for name in files]
    return sorted(part[1] for part in parts if part[0] == "hugetlb" and part[2:] == ["current"])


def huge_pages(files: Files, size: str) -> dict[str, int]:
    hits = table(files.get(f"hugetlb.{size}.events", "")).get("max", 0)
    return {"usage": number(files[f"hugetlb.{size}.current"]), "failcnt": hits}


# ---- what the files look like


def table(text: str) -> dict[str, int]:
    """Lines of a name and a number."""
    pairs = (line.split() for line in text.splitlines())
    return {name: int(value) for name, value in pairs}


def number(text: str) -> int:
    word = text.strip()
    return MAX_UINT64 if word == "max" else int(word)


def numbers(text: str) -> list[int]:
    """ "0-2,7" -> 0, 1, 2, 7: the list format of cpuset(7)."""
    ranges = (part.partition("-") for part in text.strip().split(",") if part)
    return [one for first, _, last in ranges for one in range(int(first), int(last or first) + 1)]


def pressure(text: str) -> dict[str, Any]:
    """ "some avg10=0.00 avg60=0.00 avg300=0.00 total=0": for how long tasks had to wait, in percent and microseconds
    (Documentation/accounting/psi.rst)."""
    return {"psi": dict(pressure_lines(text))} if text else {}


def pressure_lines(text: str) -> Iterator[tuple[str, dict[str, float]]]:
    for line in text.splitlines():
        which, *pairs = line.split()
        parts = (pair.partition("=") for pair in pairs)
        yield which, {key: int(value) if key == "total" else float(value) for key, _, value in parts}


# ---- the network


INTERFACE = ("RxBytes", "RxPackets", "RxErrors", "RxDropped", "TxBytes", "TxPackets", "TxErrors", "TxDropped")


def network_interfaces(text: str) -> list[dict[str, Any]]:
    """The lines of /proc/PID/net/dev (proc_pid_net(5)): a name, eight numbers received and eight sent, of which the
    first four each are wanted."""
    found = []
    for line in text.splitlines()[2:]:
        name, _, rest = line.partition(":")
        words = rest.split()
        values = map(int, [*words[:4], *words[8:12]])
        found.append({"Name": name.strip(), **dict(zip(INTERFACE, values))})
    return found
