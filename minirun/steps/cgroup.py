"""The container's cgroup: the kernel's account of its processes (cgroups(7)). Limits are in limits.py."""

from __future__ import annotations

import os
from errno import EACCES, EEXIST, ENOENT, EROFS

from ..cgroups import hierarchy
from ..kernel import files
from ..kernel.libc import SystemCallError, show
from .cgroup_removal import check_in_sight, kill_cgroup, remove_cgroup, remove_made
from .shell import below
from .step import RUNTIME, Context, Refused, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .world import World


class ChooseCgroup(Step):
    """See which directories are missing, so that the books can tell what to remove before there is anything."""

    runs_in = RUNTIME
    chapter = "books"
    man = "cgroups(7)"
    spec = "config-linux.md#control-groups"

    path: str
    origin: str = ""

    def describe(self) -> str:
        return f"see that the cgroup {self.path} is free"

    def shell(self) -> str:
        mount_point = "$(findmnt --noheadings --first-only --output TARGET --types cgroup2)"
        return f'cgroups={mount_point}; cgroup={below("cgroups", self.path)}; test ! -e "$cgroup"'

    def calls(self) -> tuple[str, ...]:
        return (show("stat", f"/sys/fs/cgroup{self.path}"),)

    def apply(self, context: Context) -> None:
        mount = hierarchy.mount_point()
        if not mount:
            raise Refused(*hierarchy.reason_for_no_mount())
        context.cgroup = mount + self.path
        refuse_if_in_use(context.cgroup, self.path)
        context.made += [place for place in way_to(mount, self.path) if not os.path.isdir(place)]


def way_to(mount: str, path: str) -> list[str]:
    """The cgroups from below the mount to this one."""
    parts = path.strip("/").split("/")
    return [mount + "/" + "/".join(parts[: depth + 1]) for depth in range(len(parts))]


OTHER_CGROUP = "name another one in /linux/cgroupsPath, or none"


def refuse_if_in_use(place: str, path: str) -> None:
    """A cgroup with processes, or a frozen one, is somebody else's (config-linux.md#control-groups). In the words that
    callers look for."""
    if not os.path.isdir(place):
        return
    events = files.read_file(f"{place}/cgroup.events").split("\n")
    if "populated 1" in events:
        raise Refused(f"container's cgroup is not empty: {path} has processes", OTHER_CGROUP)
    if "frozen 1" in events:
        raise Refused(f"container's cgroup unexpectedly frozen: {path}, or one above it", OTHER_CGROUP)


def refuse_if_threaded(place: str, path: str) -> None:
    """Below a threaded cgroup, others can only be threaded, too (cgroups(7), "Thread mode"). A process may move into
    one, but the kernel neither lists nor kills processes there: cgroup.procs and cgroup.kill answer EOPNOTSUPP. So
    nobody could be sure that such a container is gone."""
    kind = files.read_file(f"{place}/cgroup.type").strip()
    if kind in ("threaded", "domain invalid"):
        reason = f"the cgroup {path} is in a threaded part of the tree, where processes can't be ended together"
        raise Refused(reason, OTHER_CGROUP)


class MakeCgroup(Step):
    """Make the cgroup, with its parents. `path` begins with / and is relative to where cgroup2 is mounted."""

    runs_in = RUNTIME
    chapter = "limits"
    man = "cgroups(7)"
    spec = "config-linux.md#cgroups-path"
    cures = {
        EACCES: "making cgroups at this place takes root, or a cgroup that was delegated to you; with --systemd-cgroup "
        "your own systemd makes one",
        EROFS: "the cgroup file system is mounted read-only here",
    }

    path: str
    origin: str = ""

    def describe(self) -> str:
        return f"make the cgroup {self.path}"

    def shell(self) -> str:
        return 'mkdir -p "$cgroup"'

    def calls(self) -> tuple[str, ...]:
        return tuple(show("mkdir", place, files.octal(0o755)) for place in way_to("/sys/fs/cgroup", self.path))

    def effect(self, world: World) -> World:
        return world.replace(cgroup=self.path)

    def apply(self, context: Context) -> None:
        mount = context.cgroup.removesuffix(self.path)
        try:
            make_directories(context, mount, self.path)
            refuse_if_in_use(context.cgroup, self.path)
            refuse_if_threaded(context.cgroup, self.path)
            if context.cgroup not in context.made:
                note_hits(context)
            context.result = context.cgroup
        except BaseException:
            try:
                remove_made(context, mount)
            except OSError as error:
                context.left.append(self.not_undone(error))
            raise

    def undo(self, context: Context) -> None:
        """The books, which say where it is, must be those of this container."""
        mount = context.cgroup.removesuffix(self.path)
        if mount == context.cgroup:
            raise Refused(f"the books say that its cgroup is {context.cgroup!r}, and its config.json {self.path}")
        check_in_sight(context.cgroup)
        kill_cgroup(context.cgroup)
        remove_cgroup(context.cgroup)
        remove_made(context, mount)


def note_hits(context: Context) -> None:
    """The counters of a cgroup that was there before tell of others, too."""
    from ..cgroups.hits import hits  # most cgroups are new

    context.hits_before = hits(context.cgroup)


def make_directories(context: Context, mount: str, path: str) -> None:
    """mkdir -p, noting what was not there. Another container's end may take a parent away meanwhile: try again."""
    for _attempt in range(100):
        try:
            for place in way_to(mount, path):
                if os.path.isfile(place):
                    raise Refused(
                        f"the kernel has a file {place}", "choose another id, or name one in /linux/cgroupsPath"
                    )
                if not os.path.isdir(place):
                    files.mkdir(place, 0o755)
                    if place not in context.made:
                        context.made.append(place)
            return
        except SystemCallError as error:
            if error.errno not in (ENOENT, EEXIST):
                raise
    raise Refused(f"the cgroup {path} is taken away again and again", "name another one in /linux/cgroupsPath")
