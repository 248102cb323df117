"""The limits of a cgroup: controllers, and the files that each brings (cgroups(7))."""

from __future__ import annotations

import os
from errno import EBUSY, EINVAL, ENODEV, ENOENT, EOPNOTSUPP

from ..cgroups import hierarchy
from ..kernel import files
from ..kernel.libc import SystemCallError, show
from .cgroup import way_to
from .shell import below, echo
from .step import RUNTIME, Context, Refused, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .world import World


class EnableControllers(Step):
    """Have every cgroup on the way hand its controllers down: those that limits need, and the others for their
    statistics. It stays so afterwards: the children of others may rely on it by then."""

    runs_in = RUNTIME
    chapter = "limits"
    man = "cgroups(7)"
    spec = "config-linux.md#control-groups"
    cures = {
        EBUSY: "a cgroup on the way holds processes itself; those may not hand controllers down (no internal processes)"
    }

    path: str
    needed: tuple[str, ...] = ()
    origin: str = "/linux/resources"

    def describe(self) -> str:
        needed = f" (needed: {', '.join(self.needed)})" if self.needed else ""
        return f"enable the controllers for {self.path}{needed}"

    def shell(self) -> str:
        above = ["", *("/" + "/".join(self.parts()[:depth]) for depth in range(1, len(self.parts())))]
        if len(above) == 1:
            return hand_down_all("$cgroups")
        return (
            f"for parent in {' '.join(below('cgroups', path) for path in above)}; do {hand_down_all('$parent')}; done"
        )

    def parts(self) -> list[str]:
        return self.path.strip("/").split("/")

    def calls(self) -> tuple[str, ...]:
        places = way_to("/sys/fs/cgroup", "/" + "/".join(self.parts()[:-1]))
        words = " ".join(f"+{name}" for name in self.needed) or "+…"
        return tuple(
            show("write", f"{place.rstrip('/')}/cgroup.subtree_control", words) for place in ("/sys/fs/cgroup", *places)
        )

    def apply(self, context: Context) -> None:
        mount = hierarchy.mount_point()
        available = hierarchy.available_controllers(mount)
        missing = set(self.needed) - available
        if missing:
            raise Refused(
                f"cgroup v2 has no {' and no '.join(sorted(missing))} controller on this host",
                hierarchy.cure_for_missing(mount, missing),
            )
        place = mount
        for part in self.parts():
            if has_processes(place):
                self.refuse_internal_processes(place)
            else:
                self.hand_down(f"{place}/cgroup.subtree_control", sorted(available))
            place += "/" + part
        context.result = ", ".join(sorted(available)) or "there are none here"

    def refuse_internal_processes(self, place: str) -> None:
        """Controllers such as cpu could be handed down still, but that would make the part below a threaded one, which
        takes no other processes (cgroups(7), "Thread mode")."""
        missing = set(self.needed).difference(files.read_file(f"{place}/cgroup.subtree_control").split())
        if missing:
            raise Refused(
                f"the cgroup {place} has processes, so it hands no controllers down (no internal processes)",
                "move them into a cgroup below it, or name another place in /linux/cgroupsPath",
            )

    def hand_down(self, control: str, names: list[str]) -> None:
        """All at once, and if the kernel refuses the line one by one, so that only the needed ones have to work. Above
        a cgroup that was delegated to an ordinary user, those are there already, and nothing may be written."""
        try:
            files.write_file(control, " ".join("+" + name for name in names))
        except SystemCallError:
            if len(names) > 1:
                for name in names:
                    self.hand_down(control, [name])
            elif names[0] in self.needed and names[0] not in files.read_file(control).split():
                raise


def hand_down_all(place: str) -> str:
    """A command. Some controllers may be refused, of those that nobody needs."""
    write = f'echo "+$name" > "{place}/cgroup.subtree_control" || :'
    return f'for name in $(< "$cgroups/cgroup.controllers"); do {write}; done'


def has_processes(place: str) -> bool:
    """Whether processes are in this cgroup itself. The root of the hierarchy, which has no type, may have some."""
    return os.path.exists(f"{place}/cgroup.type") and files.read_file(f"{place}/cgroup.procs") != ""


class SetLimit(Step):
    """Write one file of the cgroup, before the program could exceed it."""

    runs_in = RUNTIME
    chapter = "limits"
    man = "cgroups(7)"
    spec = "config-linux.md#control-groups"
    cures = {
        EINVAL: "the kernel does not take this value: see Documentation/admin-guide/cgroup-v2.rst",
        ENOENT: "this kernel has no such file: it lacks the controller or the feature",
        ENODEV: "there is no disk with these numbers: see lsblk",
        EOPNOTSUPP: "this cgroup is threaded, and the controller is not; or nobody shares out this disk's time: "
        "choose the scheduler bfq in /sys/block/NAME/queue/scheduler",
    }

    name: str
    value: str
    origin: str
    optional: bool = False  # where the file is missing, things are as asked for already
    otherwise: tuple[str, str] | None = None  # a file and its value, for kernels without the first

    def describe(self) -> str:
        instead = f", or else {self.otherwise[0]} to {self.otherwise[1]}" if self.otherwise else ""
        return f"set {self.name} to {self.value.strip() or 'nothing'}{instead}"

    def shell(self) -> str:
        command = " || ".join(
            f"{echo(value.strip())} > {below('cgroup', '/' + name)}" for name, value in self.choices()
        )
        return f"[ ! -e {below('cgroup', '/' + self.name)} ] || {command}" if self.optional else command

    def choices(self) -> list[tuple[str, str]]:
        """Files and values, one of which will do."""
        return [(self.name, self.value), *([self.otherwise] if self.otherwise else [])]

    def calls(self) -> tuple[str, ...]:
        return tuple(show("write", f"$cgroup/{name}", value) for name, value in self.choices())

    def effect(self, world: World) -> World:
        return world.limiting(self.name, self.value, not (self.optional or self.otherwise))

    def apply(self, context: Context) -> None:
        failure: SystemCallError | None = None
        for name, value in self.choices():
            try:
                return self.write(context, name, value)
            except SystemCallError as error:
                if error.errno not in (ENOENT, EOPNOTSUPP):  # the latter: not for this disk
                    raise
                if failure is None or error.errno == EOPNOTSUPP:
                    failure = error
        if failure and not (self.optional and failure.errno == ENOENT):
            raise failure
        return None

    def write(self, context: Context, name: str, value: str) -> None:
        files.write_file(f"{context.cgroup}/{name}", value)
