"""What the host's /proc says about a process: proc(5), read from outside of the container."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

# The spec's names of the namespaces and those of /proc/PID/ns: config-linux.md#namespaces, namespaces(7).
FILES = {
    "pid": "pid",
    "network": "net",
    "mount": "mnt",
    "ipc": "ipc",
    "uts": "uts",
    "user": "user",
    "cgroup": "cgroup",
    "time": "time",
}


class Mounted(NamedTuple):
    """A line of proc_pid_mountinfo(5)."""

    number: int
    parent: int
    root: str
    point: str
    options: frozenset[str]
    propagation: tuple[str, ...]
    type: str
    source: str
    super_options: frozenset[str]


def parse_mount(line: str) -> Mounted:
    """The optional fields, between the options and the hyphen, are the propagation; there may be none."""
    left, right = line.split(" - ", 1)
    number, parent, _device, root, point, options, *propagation = left.split()
    kind, source, super_options = [*right.split(" "), "", ""][:3]
    return Mounted(
        int(number),
        int(parent),
        plain(root),
        plain(point),
        frozenset(options.split(",")),
        tuple(propagation),
        kind,
        plain(source),
        frozenset(super_options.split(",")),
    )


def plain(text: str) -> str:
    """Undoes the octal escapes that mountinfo has for blanks and backslashes."""
    for escape, character in ((r"\040", " "), (r"\011", "\t"), (r"\012", "\n"), (r"\134", "\\")):
        text = text.replace(escape, character)
    return text


def parse_mounts(lines: list[str]) -> list[Mounted]:
    return [parse_mount(line) for line in lines]


def mounted_at(lines: list[str], point: str) -> Mounted:
    """The mount that is seen at `point`: the last one, when one hides another."""
    found = [mount for mount in parse_mounts(lines) if mount.point == point]
    assert found, f"nothing is mounted at {point}:\n" + "\n".join(lines)
    return found[-1]


def table(lines: list[str]) -> dict[str, str]:
    """The lines of /proc/PID/status by their names."""
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def own_cgroup(lines: list[str]) -> str:
    """The cgroup v2 path in the lines of /proc/PID/cgroup: cgroups(7)."""
    return next(line[3:] for line in lines if line.startswith("0::"))


class Process:
    """A process as the host sees it."""

    def __init__(self, pid: int | str = "self") -> None:
        self.pid = pid
        self.proc = Path("/proc") / str(pid)

    def namespace(self, kind: str) -> str:
        """The identity of one of its namespaces, such as "net:[4026531840]"."""
        return os.readlink(self.proc / "ns" / FILES[kind])

    def lines(self, name: str) -> list[str]:
        return (self.proc / name).read_text().splitlines()

    def text(self, name: str) -> str:
        return (self.proc / name).read_text().strip()

    def mounts(self) -> list[Mounted]:
        return parse_mounts(self.lines("mountinfo"))

    def status(self) -> dict[str, str]:
        return table(self.lines("status"))

    def cgroup(self) -> str:
        return own_cgroup(self.lines("cgroup"))

    def inside(self, path: str) -> Path:
        """A path of the process's own root directory, reachable from here."""
        return self.proc / "root" / path.lstrip("/")


def children(pid: int) -> list[int]:
    """The processes whose parent is `pid`, from the PPid of every process."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and parent_of(int(entry)) == pid:
            found.append(int(entry))
    return found


def parent_of(pid: int) -> int | None:
    try:
        # The name stands in brackets and may hold anything, brackets too: proc_pid_stat(5).
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return None


def is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False


def descendants(pid: int) -> list[int]:
    found = []
    for child in children(pid):
        found += [child, *descendants(child)]
    return found


def cgroup_mounts() -> list[Mounted]:
    """All cgroup file systems: one of version 2, or several of version 1, or both (cgroups(7))."""
    return [mount for mount in Process().mounts() if mount.type in ("cgroup", "cgroup2")]


def cgroup2_root() -> Path | None:
    """Where cgroup v2 is mounted: /sys/fs/cgroup, or a directory in it on a host with both versions."""
    return next((Path(mount.point) for mount in cgroup_mounts() if mount.type == "cgroup2"), None)
