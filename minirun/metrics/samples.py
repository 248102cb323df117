"""The files of a container -> numbers, by the tables. Nothing here reads a file.

A file that is not there, or has no such line, makes no number: 0 would be a claim.
"""

from __future__ import annotations

from ..cgroups.statistics import network_interfaces, pressure_lines, table
from ..record import Record
from ..safe import safe
from .tables import (
    DISKS,
    KEYED,
    MEMORY_EVENTS,
    NETWORK,
    PRESSURE_RATIO,
    PRESSURE_SECONDS,
    RESOURCES,
    SINGLE,
    Metric,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Files = Mapping[str, str]


class Sample(Record):
    """One number; `labels` are the values of the metric's labels."""

    metric: Metric
    labels: tuple[str, ...]
    value: float


def samples(files: Files, network: str = "", disks: Mapping[str, str] | None = None) -> Iterator[Sample]:
    """`files` are the cgroup's, by name; `network` is /proc/PID/net/dev; `disks` has names for "8:0"."""
    yield from keyed(files)
    yield from single(files)
    yield from of_memory_events(files)
    yield from of_disks(files, disks or {})
    yield from of_pressure(files)
    yield from of_network(network)


def keyed(files: Files) -> Iterator[Sample]:
    for metric in KEYED:
        told = table(files.get(metric.file, ""))
        if metric.key in told:
            yield Sample(metric, (), told[metric.key] / metric.divisor)


def single(files: Files) -> Iterator[Sample]:
    for metric in SINGLE:
        told = files.get(metric.file, "max").strip()
        if told != "max":
            yield Sample(metric, (), int(told))


def of_memory_events(files: Files) -> Iterator[Sample]:
    for event, count in table(files.get(MEMORY_EVENTS.file, "")).items():
        yield Sample(MEMORY_EVENTS, (event,), count)


def of_disks(files: Files, names: Mapping[str, str]) -> Iterator[Sample]:
    """ "8:0 rbytes=4096 wbytes=0 …", a line for each disk. One that nothing was counted for has its numbers alone."""
    for line in files.get("io.stat", "").splitlines():
        disk, *pairs = line.split()
        told = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
        for metric in DISKS:
            if metric.key in told:
                yield Sample(metric, (names.get(disk, disk),), int(told[metric.key]))


def of_pressure(files: Files) -> Iterator[Sample]:
    for resource in RESOURCES:
        for kind, told in pressure_lines(files.get(f"{resource}.pressure", "")):
            for key, value in told.items():
                if key == "total":
                    yield Sample(PRESSURE_SECONDS, (resource, kind), value / PRESSURE_SECONDS.divisor)
                else:
                    window = f"{key.removeprefix('avg')}s"
                    yield Sample(PRESSURE_RATIO, (resource, kind, window), value / PRESSURE_RATIO.divisor)


def of_network(text: str) -> Iterator[Sample]:
    """Who may make interfaces in the container may give them any name."""
    for told in network_interfaces(text):
        for metric in NETWORK:
            yield Sample(metric, (safe(told["Name"]),), told[metric.key])
