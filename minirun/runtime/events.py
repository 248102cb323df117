"""`minirun events`: what a container uses, and when it runs out of memory."""

from __future__ import annotations

import os
import select
import time

from ..cgroups.statistics import NAMES, network_interfaces, statistics, table
from ..errors import StateError
from ..kernel import files
from .books import ALIVE, Container, find

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    Event = dict[str, Any]

UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
DURATION = "a time such as 5s, 1m30s or 500ms, or a number of seconds; above 0, and at most 500h"


def events(root: str, name: str, interval: float | None) -> Iterator[Event]:
    """The container's statistics now and after each `interval` of seconds, until it ends; None: only now."""
    container = find(root, name)
    if container.status() not in ALIVE:
        raise StateError(f"container not running: {name}")
    if interval is None:
        return iter([event("stats", name, snapshot(container))])
    return watch(container, name, interval)


def event(kind: str, name: str, data: Mapping[str, Any] | None = None) -> Event:
    return {"type": kind, "id": name} | ({} if data is None else {"data": data})


def watch(container: Container, name: str, interval: float) -> Iterator[Event]:
    """poll(2) tells of the end by POLLIN of a pidfd (pidfd_open(2)), and of changes in memory.events by POLLPRI."""
    cgroup, process = container.own_cgroup(), container.open_process()
    if process < 0:
        return
    memory = open_memory_events(cgroup)
    poll = select.poll()
    poll.register(process, select.POLLIN)
    if memory >= 0:
        poll.register(memory, select.POLLPRI)
    kills, following = kills_so_far(memory), time.monotonic()
    ready: dict[int, int] = {}
    try:
        while process not in ready:
            if time.monotonic() >= following:
                yield event("stats", name, snapshot(container))
                following = time.monotonic() + interval
            ready = dict(poll.poll(max(0, 1000 * (following - time.monotonic()))))  # milliseconds
            before, kills = kills, max(kills, kills_so_far(memory))
            if kills > before:
                yield event("oom", name)
    finally:
        for descriptor in (process, memory):
            if descriptor >= 0:
                os.close(descriptor)


def open_memory_events(cgroup: str) -> int:
    """-1 where version 2 has no memory controller, and nobody would tell."""
    try:
        return files.open(f"{cgroup}/memory.events", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return -1


def kills_so_far(memory: int) -> int:
    """How many processes the OOM killer has ended in the cgroup; 0 where it is gone."""
    if memory < 0:
        return 0
    try:
        return table(os.pread(memory, 4096, 0).decode()).get("oom_kill", 0)
    except OSError:
        return 0


def snapshot(container: Container) -> dict[str, Any]:
    """What there is to read, at this moment."""
    cgroup = container.own_cgroup()
    names = [*NAMES, *(name for name in listed(cgroup) if name.startswith("hugetlb."))]
    found = {name: text for name in names if (text := text_of(f"{cgroup}/{name}")) is not None}
    return statistics(found) | {"network_interfaces": interfaces(container.pid)}


def listed(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []


def text_of(path: str) -> str | None:
    """None where the file is missing, as its controller may be, or the cgroup by now."""
    try:
        return files.read_file(path)
    except OSError:
        return None


def interfaces(pid: int) -> list[dict[str, Any]]:
    """The container's, unless they are the caller's own."""
    try:
        if os.stat(f"/proc/{pid}/ns/net").st_ino == os.stat("/proc/self/ns/net").st_ino:
            return []
    except OSError:
        return []
    return network_interfaces(text_of(f"/proc/{pid}/net/dev") or "")


def seconds(text: str) -> float:
    """ "1m30s" -> 90.0: how programs in Go write a time (time.ParseDuration); a plain number is seconds."""
    rest, total = text, 0.0
    while rest:
        length = next((at for at, char in enumerate(rest) if char not in "0123456789."), len(rest))
        number, rest = rest[:length], rest[length:]
        unit = next((unit for unit in sorted(UNITS, key=len, reverse=True) if rest.startswith(unit)), "")
        if number.count(".") > 1 or not number.strip(".") or not (unit or number == text):
            raise StateError(f"--interval: found {text!r}\n  allowed: {DURATION}")
        total += float(number) * UNITS[unit or "s"]
        rest = rest[len(unit) :]
    if not 0 < total <= 500 * 3600:
        raise StateError(f"--interval: found {text!r}\n  allowed: {DURATION}")
    return total
