"""Classes of service for the processor's caches and memory bandwidth: the kernel's resctrl, a tree of directories.

Documentation/arch/x86/resctrl.rst of the kernel. A directory at the top is a group with its own `schemata` (what it may
use) and `tasks` (who is in it); one in a group's `mon_groups` only counts what its tasks use.
"""

from __future__ import annotations

import os
from errno import EBUSY, EEXIST, EINVAL, ENOENT, ENOSPC

from ..kernel import files
from ..kernel.libc import show
from ..kernel.mountinfo import in_sight, mount_points
from .shell import below, quoted
from .step import RUNTIME, Context, Refused, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .world import World

SCHEMA_CURE = "the file info/last_cmd_status of resctrl says what is wrong; each group's schemata shows the form"


class FindResctrl(Step):
    """Where the caller has mounted it: nobody but the administrator can say with which options."""

    runs_in = RUNTIME
    chapter = "resctrl"
    man = "proc(5)"
    spec = "config-linux.md#intelrdt"

    origin: str = "/linux/intelRdt"

    def describe(self) -> str:
        return "find the resctrl file system"

    def shell(self) -> str:
        return "resctrl=$(findmnt -n -o TARGET -t resctrl)"

    def calls(self) -> tuple[str, ...]:
        return (show("read", "/proc/self/mountinfo"),)

    def apply(self, context: Context) -> None:
        context.resctrl = find_resctrl()


def find_resctrl() -> str:
    found = in_sight("resctrl")
    if found:
        return found[-1][1]
    covered = mount_points("resctrl")
    if covered:
        raise Refused(f"resctrl is mounted on {covered[-1]}, but something else is mounted over it", "findmnt, umount")
    raise Refused(
        "no resctrl file system is mounted",
        "mount -t resctrl resctrl /sys/fs/resctrl; that takes a processor with Intel RDT or AMD QoS (rdt_a and "
        "others in /proc/cpuinfo) and a kernel with CONFIG_X86_CPU_RESCTRL",
    )


class MakeClos(Step):
    """A group of the container's own, named after it, goes with it; one that config.json names is shared and stays."""

    runs_in = RUNTIME
    chapter = "resctrl"
    man = "mkdir(2)"
    spec = "config-linux.md#intelrdt"
    cures = {
        EEXIST: "a group of this name is there already: to share it, name it in /linux/intelRdt/closID",
        ENOSPC: "the processor has no more classes of service: see info/*/num_closids",
    }

    group: str
    is_shared: bool
    expected: tuple[str, ...]  # lines of a shared group's schemata, should it be there already
    origin: str = "/linux/intelRdt"

    def describe(self) -> str:
        return f"make the class of service {self.group or '/'}" + (", unless it is there" if self.is_shared else "")

    def shell(self) -> str:
        return f"mkdir {'-p ' if self.is_shared else ''}{below('resctrl', '/' + self.group)}"

    def calls(self) -> tuple[str, ...]:
        return (show("mkdir", f"$resctrl/{self.group}", files.octal(0o755)),)

    def apply(self, context: Context) -> None:
        path = f"{context.resctrl}/{self.group}"
        if self.is_shared and os.path.isdir(path):
            refuse_other_schemata(files.read_file(f"{path}/schemata"), self.expected)
        else:
            files.mkdir(path, 0o755)
            context.made_clos = path

    def undo(self, context: Context) -> None:
        """config-linux.md#intelrdt: a group that closID names MUST NOT be removed when the container is deleted."""
        if not self.is_shared:
            remove_group_of(context, self.group)
        elif context.made_clos and not context.program_runs:
            remove_group(context.made_clos)


def remove_group_of(context: Context, group: str) -> None:
    """With the last mount of resctrl all groups have gone."""
    if context.resctrl or mount_points("resctrl"):
        remove_group(f"{context.resctrl or find_resctrl()}/{group}")


def remove_group(path: str) -> None:
    try:
        os.rmdir(path)  # the kernel takes away what is in it
    except FileNotFoundError:
        pass


def refuse_other_schemata(held: str, expected: tuple[str, ...]) -> None:
    """config-linux.md#intelrdt: what config.json says of a group that is there MUST match what it has."""
    present = dict(parse_schema(line) for line in held.splitlines() if ":" in line)
    for line in expected:
        resource, wanted = parse_schema(line)
        other = {domain: value for domain, value in wanted.items() if present.get(resource, {}).get(domain) != value}
        if other:
            raise Refused(
                f"the class of service is there already, and has another schema than {line}: {held.split()}",
                "copy its schema into config.json, or name another closID",
            )


def parse_schema(line: str) -> tuple[str, dict[str, str]]:
    """ "  L3:0=0ff;1=f" -> ("L3", {"0": "ff", "1": "f"}): the kernel pads with blanks and zeroes."""
    resource, _, domains = line.strip().partition(":")
    pairs = (part.partition("=") for part in domains.split(";") if part)
    return resource, {domain.strip(): value.strip().lower().lstrip("0") for domain, _, value in pairs}


class FindClos(Step):
    """A group that somebody else has made: without a schema in config.json it has to be there."""

    runs_in = RUNTIME
    chapter = "resctrl"
    man = "stat(2)"
    spec = "config-linux.md#intelrdt"

    group: str
    origin: str = "/linux/intelRdt/closID"

    def describe(self) -> str:
        return f"find the class of service {self.group}"

    def shell(self) -> str:
        return f"test -d {below('resctrl', '/' + self.group)}"

    def calls(self) -> tuple[str, ...]:
        return (show("stat", f"$resctrl/{self.group}"),)

    def apply(self, context: Context) -> None:
        if not os.path.isdir(f"{context.resctrl}/{self.group}"):
            raise Refused(
                f"there is no class of service {self.group}",
                "make it before (mkdir), or say in config.json what it may use (schemata)",
            )


class WriteSchema(Step):
    chapter = "resctrl"
    runs_in = RUNTIME
    man = "write(2)"
    spec = "config-linux.md#intelrdt"
    cures = {EINVAL: SCHEMA_CURE, ENOENT: SCHEMA_CURE, ENOSPC: SCHEMA_CURE, EBUSY: SCHEMA_CURE}

    group: str
    line: str
    origin: str

    def describe(self) -> str:
        return f"let the class of service {self.group or '/'} use {self.line}"

    def shell(self) -> str:
        return f"echo {quoted(self.line)} > {below('resctrl', '/' + path_in(self.group, 'schemata'))}"

    def calls(self) -> tuple[str, ...]:
        return (show("write", f"$resctrl/{path_in(self.group, 'schemata')}", self.line + "\n"),)

    def apply(self, context: Context) -> None:
        files.write_file(f"{context.resctrl}/{path_in(self.group, 'schemata')}", self.line + "\n")


class ChangeSchema(WriteSchema):
    """What an update writes, remembering what was there."""

    def apply(self, context: Context) -> None:
        path = f"{context.resctrl}/{path_in(self.group, 'schemata')}"
        resource = parse_schema(self.line)[0]
        held = [line.strip() for line in files.read_file(path).splitlines() if parse_schema(line)[0] == resource]
        super().apply(context)
        context.limits_before.append((path, [line + "\n" for line in held]))

    def undo(self, context: Context) -> None:
        path, lines = context.limits_before.pop()
        for line in lines:
            files.write_file(path, line)


class JoinClos(Step):
    """Processes that it forks later are in the same group. A monitoring group only takes tasks of its class."""

    chapter = "resctrl"
    runs_in = RUNTIME
    man = "write(2)"
    spec = "config-linux.md#intelrdt"

    group: str
    origin: str = "/linux/intelRdt"

    def describe(self) -> str:
        return f"put the container's process into the group {self.group or '/'} of resctrl"

    def shell(self) -> str:
        return f'echo "$pid" > {below("resctrl", "/" + path_in(self.group, "tasks"))}'

    def calls(self) -> tuple[str, ...]:
        return (show("write", f"$resctrl/{path_in(self.group, 'tasks')}", "$pid"),)

    def effect(self, world: World) -> World:
        return world.become(clos=self.group)

    def apply(self, context: Context) -> None:
        files.write_file(f"{context.resctrl}/{path_in(self.group, 'tasks')}", str(context.pid))


class MakeMonitoringGroup(Step):
    """Counters of the container's own in its class of service."""

    chapter = "resctrl"
    runs_in = RUNTIME
    man = "mkdir(2)"
    spec = "config-linux.md#intelrdt"
    cures = {
        ENOSPC: "the processor has no more monitoring ids: see info/L3_MON/num_rmids",
        ENOENT: "this processor can't monitor: info has no L3_MON",
    }

    group: str
    id: str
    origin: str = "/linux/intelRdt/enableMonitoring"

    def directory(self) -> str:
        return path_in(self.group, f"mon_groups/{self.id}")

    def describe(self) -> str:
        return f"make the monitoring group {self.directory()}"

    def shell(self) -> str:
        return f"mkdir {below('resctrl', '/' + self.directory())}"

    def calls(self) -> tuple[str, ...]:
        return (show("mkdir", f"$resctrl/{self.directory()}", files.octal(0o755)),)

    def apply(self, context: Context) -> None:
        files.mkdir(f"{context.resctrl}/{self.directory()}", 0o755)

    def undo(self, context: Context) -> None:
        remove_group_of(context, self.directory())


def path_in(group: str, name: str) -> str:
    return f"{group}/{name}" if group else name
