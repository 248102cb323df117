"""All containers, and the processes of one: for people who look, and for programs that ask."""

from __future__ import annotations

import json
import os

from ..errors import StateError
from .books import find

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

COLUMNS = ("id", "pid", "status", "bundle", "created", "owner")


def containers(root: str) -> Iterator[dict[str, Any]]:
    """The state of each container, in the order of their ids."""
    for name in sorted(os.listdir(root) if os.path.isdir(root) else ()):
        try:
            yield find(root, name).state()
        except StateError:
            continue  # just being made, or gone meanwhile


def list_containers(states: Iterable[dict[str, Any]], style: str, quiet: bool) -> str:
    """What `list` prints."""
    found = list(states)
    if quiet:
        return "".join(f"{state['id']}\n" for state in found)
    if style == "json":
        return json.dumps(found) + "\n"
    return table([COLUMNS, *([str(state[name]) for name in COLUMNS] for state in found)])


def table(rows: Iterable[Sequence[str]]) -> str:
    """Rows in columns that are as wide as they have to be; the first one is the headings."""
    heading, *others = [list(row) for row in rows]
    lines = [[word.upper() for word in heading], *others]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heading))]
    return "".join("   ".join(map(str.ljust, line, widths)).rstrip() + "\n" for line in lines)


def list_processes(found: list[int], style: str) -> str:
    """What `ps` prints: engines want the pids, people want to know what they are."""
    if style == "json":
        return json.dumps(found) + "\n"
    return table([("pid", "ppid", "user", "started", "cpu", "command"), *filter(None, map(process_row, found))])


def process_row(pid: int) -> list[str] | None:
    """A process as ps(1) would show it; None when it has ended."""
    import time

    import psutil

    try:
        process = psutil.Process(pid)
        with process.oneshot():
            started = time.strftime("%H:%M:%S", time.localtime(process.create_time()))
            used = sum(process.cpu_times()[:2])
            command = " ".join(process.cmdline()) or f"[{process.name()}]"
            return [str(pid), str(process.ppid()), process.username(), started, f"{used:.2f}s", command]
    except psutil.NoSuchProcess:
        return None
