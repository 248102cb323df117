"""The container's cgroup: the kernel's account of its processes, and their limits (cgroups(7))."""

from __future__ import annotations

import os
import time
from errno import EACCES, EBUSY, EEXIST, EINVAL, ENODEV, ENOENT, ENOTDIR, ENOTEMPTY, EOPNOTSUPP, EPERM, EROFS

from ..cgroups import hierarchy
from ..cgroups.members import pids_in
from ..cgroups.tree import GONE, Restless, walk, walk_as_it_is
from ..kernel import files
from ..kernel.libc import SystemCallError, show
from .shell import below, echo
from .step import RUNTIME, Context, Refused, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    from .world import World

    T = TypeVar("T")

PATIENCE = 5.0  # seconds in which nothing of a cgroup could be removed, though its processes were killed


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


class StayInCgroup(Step):
    """--cgroup-manager disabled: on hosts without cgroup v2, and where somebody else has made the container's cgroup
    and put minirun into it. Or an ordinary user runs minirun, who may make no cgroup."""

    runs_in = RUNTIME
    chapter = "limits"
    man = "cgroups(7)"
    spec = "config-linux.md#cgroups-path"
    no_shell = "a process stays where it is by itself"
    no_calls = "minirun's child is born in its cgroup"

    rules: int  # for devices, which only a cgroup can have

    def describe(self) -> str:
        return "leave the container in minirun's own cgroup"

    def apply(self, context: Context) -> None:
        if self.rules:
            context.log.warning("without a cgroup the device rules of config.json do not hold")


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


def remove_made(context: Context, mount: str) -> None:
    """Remove the parents that this run has made, and minirun's own, unless they serve another container by now."""
    for place in reversed(context.made):
        if place.startswith(mount + "/"):
            remove_unless_used(place)
    try:
        os.rmdir(f"{mount}/minirun")
    except OSError:
        pass  # busy with others, or gone, or not the caller's


def remove_unless_used(place: str) -> None:
    """ENOTDIR: it could not be made, since the kernel has a file of this name."""
    try:
        files.rmdir(place)
    except SystemCallError as error:
        if error.errno not in (EBUSY, ENOTEMPTY, ENOTDIR, *GONE):
            raise


def check_in_sight(path: str) -> None:
    """Raises Refused where nobody can tell whether the cgroup is gone."""
    if hierarchy.is_out_of_sight(path):
        raise Refused(hierarchy.OUT_OF_SIGHT.format(path), hierarchy.SIGHT_CURE)


def kill_cgroup(path: str) -> None:
    """End every process of the cgroup at once (cgroup.kill, Linux 5.14)."""
    try:
        files.write_file(f"{path}/cgroup.kill", "1")
    except SystemCallError as error:
        if error.errno not in GONE:  # somebody has removed it
            raise


def remove_cgroup(path: str) -> None:
    """Remove the cgroup and all that the container made below it. A process that is dying keeps its cgroup busy for a
    moment, and one that `exec` has put there meanwhile until it is killed, too."""
    deadline = time.monotonic() + PATIENCE
    while True:
        removed, busy = remove_free(path)
        if busy is None:
            return
        if removed:
            deadline = time.monotonic() + PATIENCE
        elif time.monotonic() > deadline:
            raise busy
        time.sleep(0.001)
        kill_cgroup(path)


def remove_free(path: str) -> tuple[int, SystemCallError | None]:
    """Remove what no process is in, from below: how many cgroups, and what the kernel said of the others."""
    removed, busy = 0, None
    for directory, name in walk(path):
        try:
            files.rmdirat(directory, name)
            removed += 1
        except SystemCallError as error:
            if error.errno not in (EBUSY, ENOTEMPTY, *GONE):
                raise
            busy = busy if error.errno in GONE else error
    return removed, busy


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


class JoinCgroup(Step):
    """Move this process into the cgroup. Whatever it forks from now on is born there."""

    chapter = "limits"
    man = "cgroups(7)"
    spec = "config-linux.md#cgroups-path"
    cures = {
        EACCES: "whoever moves a process needs to own what is above both its old and its new place (cgroups(7), "
        "“Cgroups delegation”); with --systemd-cgroup your own systemd moves it",
        EPERM: "the cgroup must be in a part of the tree that is yours",
        EBUSY: "it hands controllers down to cgroups below it, so it takes no processes (no internal processes): name "
        "another one in /linux/cgroupsPath, or for exec one of those below with --cgroup",
        ENOENT: "the cgroup must exist below the container's own",
    }

    below: str = ""  # the name of one below the container's
    beside: int = 0  # where that has no room for processes: who has found a place below it
    origin: str = ""

    def describe(self) -> str:
        return f"join the cgroup {self.below} below the container's" if self.below else "join the cgroup"

    def shell(self) -> str:
        return f"echo 0 > {below('cgroup', self.path() + '/cgroup.procs')}"

    def path(self) -> str:
        return f"/{self.below.strip('/')}" if self.below else ""

    def calls(self) -> tuple[str, ...]:
        return (show("write", f"$cgroup{self.path()}/cgroup.procs", "0"),)

    def effect(self, world: World) -> World:
        return world.become(cgroup=world.cgroup + self.path())

    def show_opened(self) -> str:
        return "cgroup = " + show("open", f"$cgroup{self.path()}", files.open_flags(DIRECTORY))

    def apply(self, context: Context) -> None:
        self.enter(context, lambda place: move(0, place))

    def enter(self, context: Context, how: Callable[[int], T]) -> T:
        """`how` takes a descriptor of the cgroup's directory. A container that has divided its cgroup further has gone
        below (cgroups(7)), and then that is where there is room."""
        refused = None
        for place in self.places(context.cgroup):
            try:
                return how(place)
            except SystemCallError as error:
                refused = refused or error
                if refused.errno != EBUSY:
                    raise
            finally:
                os.close(place)
        assert refused
        raise refused

    def places(self, cgroup: str) -> Iterator[int]:
        yield files.open(f"{cgroup}{self.path()}", DIRECTORY)
        if self.beside and not self.below:
            for _attempt in range(3):  # whom it looks for may go on just now
                yield from place_of(self.beside, cgroup)


DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC


def place_of(pid: int, cgroup: str) -> list[int]:
    """The directory of the cgroup below this one that the process is in; none where it can't be found."""
    try:
        for directory, name in walk_as_it_is(cgroup):
            if pid in pids_in(directory, name):
                return [files.openat(directory, name, DIRECTORY)]
    except (Restless, SystemCallError):
        pass
    return []


def move(pid: int, place: int) -> None:
    """Move a process, 0 for this one, into the cgroup of this directory."""
    files.write_file_at(place, "cgroup.procs", str(pid))
