"""A cgroup below the container's that is the program's own: the root, as the program sees it, has no processes then, so
that it may hand controllers down, as systemd and container engines inside do (cgroups(7), "No internal processes")."""

from __future__ import annotations

from errno import EACCES, EBUSY, EEXIST, EOPNOTSUPP

from ..kernel import files
from ..kernel.libc import SystemCallError, show
from .cgroup import way_to
from .shell import below
from .step import RUNTIME, Context, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .world import World


class MoveBelow(Step):
    """Make it, and move the container's process there. Limits are those of the container's cgroup, which hold below as
    well. It goes with that one."""

    runs_in = RUNTIME
    chapter = "limits"
    man = "cgroups(7)"
    cures = {
        EACCES: "this takes root, or a cgroup that was delegated to you",
        EBUSY: "the cgroup has others below it, so it takes no processes: name another one",
        EOPNOTSUPP: "the cgroup is in a threaded part of the tree: name another one",
    }

    path: str  # begins with /
    origin: str

    def describe(self) -> str:
        return f"move the container's process to {self.path} below its cgroup"

    def shell(self) -> str:
        place = below("cgroup", self.path)
        return f'mkdir -p {place} && echo "$pid" >{below("cgroup", self.path + "/cgroup.procs")}'

    def calls(self) -> tuple[str, ...]:
        made = (show("mkdir", place, files.octal(0o755)) for place in way_to("$cgroup", self.path))
        return (*made, show("write", f"$cgroup{self.path}/cgroup.procs", "$pid"))

    def effect(self, world: World) -> World:
        return world.become(cgroup=world.cgroup + self.path)

    def apply(self, context: Context) -> None:
        for place in way_to(context.cgroup, self.path):
            try:
                files.mkdir(place, 0o755)
            except SystemCallError as error:
                if error.errno != EEXIST:
                    raise
        files.write_file(f"{context.cgroup}{self.path}/cgroup.procs", str(context.pid))
