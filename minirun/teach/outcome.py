"""What a container has when its plan has been walked down: namespaces, mounts, cgroup. Read off the steps, not asked
of the kernel."""

from __future__ import annotations

from posixpath import normpath

from ..record import Record
from ..steps.binds import BindCgroup, BindMount
from ..steps.cgroup import ChooseCgroup
from ..steps.device_filter import AttachDeviceFilter
from ..steps.hosts_devices import AttachDevice, BindDevice
from ..steps.joining import JoinNamespace, OpenNamespace
from ..steps.limits import SetLimit
from ..steps.mapped_mounts import AttachMappedMount, OpenMappedMount
from ..steps.masks import MakePathReadOnly, MaskPath
from ..steps.mounts import MountCgroup, MountFilesystem
from ..steps.namespaces import TYPES, Unshare
from ..steps.other_roots import BindRootfsOutside
from ..steps.process import StartContainerProcess
from ..steps.rootfs import BindRootfs
from ..steps.scope import ChooseScope
from ..steps.terminal import BindConsole
from .mount_tree import NEW as NEW_MOUNT
from .mount_tree import Compared, Mount

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from ..steps.step import Step

NEW, JOINED, HOST = "new", "joined", "the host's"

# What there is one of in each namespace of the type: namespaces(7).
HOLDS = {
    "user": "user and group ids, capabilities",
    "cgroup": "the root of the cgroup tree",
    "ipc": "System V IPC, POSIX message queues",
    "uts": "host name and domain name",
    "network": "interfaces, addresses, routes, ports",
    "pid": "process ids",
    "time": "boot time and monotonic clock",
    "mount": "mount points",
}


class World(Record):
    """The namespace of a type that the container is in."""

    type: str
    kind: str  # NEW, JOINED or HOST
    path: str = ""  # of one that is joined
    number: int = 0  # the step that enters it


class Limit(Record):
    name: str  # a file of the cgroup
    value: str
    number: int


class Outcome(Record):
    namespaces: tuple[World, ...] = ()
    mounts: tuple[Mount, ...] = ()  # the id of each is the number of its step
    cgroup: str = ""  # "" where the container stays in its caller's
    limits: tuple[Limit, ...] = ()

    def tree(self) -> list[Compared]:
        """For mount_tree.drawn; beside a host, on which each of them would be new."""
        return [Compared(mount, NEW_MOUNT) for mount in self.mounts]


def outcome(steps: Sequence[Step]) -> Outcome:
    numbered = list(enumerate(steps, start=1))
    return Outcome(tuple(namespaces(numbered)), tuple(mounts(numbered)), cgroup(steps), tuple(limits(numbered)))


# ---- namespaces


def namespaces(numbered: Sequence[tuple[int, Step]]) -> Iterator[World]:
    paths = {step.type: step.path for _, step in numbered if isinstance(step, OpenNamespace)}
    joined = {step.type: number for number, step in numbered if isinstance(step, JoinNamespace)}
    starts = (StartContainerProcess, Unshare)
    new = {name: number for number, step in numbered if isinstance(step, starts) for name in step.types}
    for name in TYPES:
        if name in joined:
            yield World(name, JOINED, paths.get(name, ""), joined[name])
        else:
            yield World(name, NEW if name in new else HOST, "", new.get(name, 0))


# ---- mounts

# The steps that mount something -> where, and what it is: a type of file system, or a word for what stands there.
MOUNTS: dict[type[Step], Callable[[Any], tuple[str, str, str]]] = {
    BindRootfs: lambda step: ("/", "bind", step.path),
    BindRootfsOutside: lambda step: ("/", "bind", step.path),
    MountFilesystem: lambda step: (step.destination, step.type, step.source),
    BindMount: lambda step: (step.destination, "bind", step.source),
    MountCgroup: lambda step: (step.destination, "cgroup2", ""),
    BindCgroup: lambda step: (step.destination, "bind", "the container's cgroup"),
    AttachMappedMount: lambda step: (step.destination, "bind", ""),
    BindDevice: lambda step: (step.path, "bind", step.path),
    AttachDevice: lambda step: (step.path, "bind", step.path),
    BindConsole: lambda step: ("/dev/console", "bind", "the container's terminal"),
    MaskPath: lambda step: (step.path, "hidden", ""),
    MakePathReadOnly: lambda step: (step.path, "read-only", ""),
}


def mounts(numbered: Sequence[tuple[int, Step]]) -> Iterator[Mount]:
    sources = {step.origin: step.source for _, step in numbered if isinstance(step, OpenMappedMount)}
    so_far: list[Mount] = []
    for number, step in numbered:
        row = next((MOUNTS[kind] for kind in type(step).__mro__ if kind in MOUNTS), None)
        if not row:
            continue
        where, kind, source = row(step)
        point = normpath(f"/{where.lstrip('/')}")
        source = source or sources.get(step.place, "")
        so_far.append(Mount(number, parent_of(point, so_far), "", "/", point, (), (), kind, source))
        yield so_far[-1]


def parent_of(point: str, mounts: Sequence[Mount]) -> int:
    """The mount that a path lies on: the deepest one, and of several the latest."""
    holding = [mount for mount in mounts if mount.point == point or point.startswith(f"{mount.point.rstrip('/')}/")]
    return max(holding, key=lambda mount: (len(mount.point), mount.id)).id if holding else 0


# ---- cgroup


def cgroup(steps: Sequence[Step]) -> str:
    for step in steps:
        if isinstance(step, ChooseCgroup):
            return step.path
        if isinstance(step, ChooseScope):
            return f"{step.path}, which systemd makes"
    return ""


def limits(numbered: Sequence[tuple[int, Step]]) -> Iterator[Limit]:
    for number, step in numbered:
        if isinstance(step, SetLimit):
            yield Limit(step.name, step.value.strip(), number)
        elif isinstance(step, AttachDeviceFilter):
            yield Limit("devices", f"{len(step.rules)} rules, as eBPF", number)
