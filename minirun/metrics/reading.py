"""What there is to measure, read at this moment: the containers of the books, their files, the timelines of runs.

A container may end while it is read. Then it is left out, or some of its files are: that is no error.
"""

from __future__ import annotations

import os

from ..errors import StateError
from ..record import Record
from ..runtime.books import ALIVE, CREATED, CREATING, PAUSED, RUNNING, STOPPED, find
from ..runtime.directory import ids
from ..runtime.events import text_of
from ..runtime.usage import read_files
from .samples import samples
from .tables import FILES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..runtime.books import Container
    from .samples import Sample

STATUSES = (CREATING, CREATED, RUNNING, PAUSED, STOPPED)


class Measured(Record):
    id: str
    status: str
    created: float  # seconds since 1970
    samples: tuple[Sample, ...]  # of one that has ended, none


def measured(root: str, names: tuple[str, ...] = ()) -> Iterator[Measured]:
    """The containers of these ids, or all, in the order of their ids."""
    for name in names or ids(root):
        try:
            container = find(root, name)
            yield measure(container)
        except (StateError, OSError):
            continue  # just being made, or gone meanwhile


def measure(container: Container) -> Measured:
    status = container.status()
    found: tuple[Sample, ...] = ()
    if status in ALIVE:
        files = read_files(container.cgroup, FILES) if container.cgroup else {}
        network = network_of(container.pid)
        if container.is_alive():  # so the pid was its own all the while, and not another's that came after it
            found = tuple(samples(files, network, disk_names(files.get("io.stat", ""))))
        else:
            status = STOPPED
    return Measured(container.facts["id"], status, container.facts["created"], found)


def network_of(pid: int) -> str:
    """Unless it is the caller's own namespace: that one's numbers are the host's, and no container's."""
    try:
        if os.stat(f"/proc/{pid}/ns/net").st_ino == os.stat("/proc/self/ns/net").st_ino:
            return ""
    except OSError:
        return ""
    return text_of(f"/proc/{pid}/net/dev") or ""


def disk_names(text: str) -> dict[str, str]:
    """ "8:0" -> "sda", for each line of io.stat (sysfs(5))."""
    numbers = [line.split(" ", 1)[0] for line in text.splitlines()]
    return {number: name for number in numbers if (name := disk_name(number))}


def disk_name(number: str) -> str:
    try:
        return os.path.basename(os.readlink(f"/sys/dev/block/{number}"))
    except OSError:
        return ""
