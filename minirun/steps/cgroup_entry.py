"""How a process comes into the container's cgroup: it is born there (process.py: StartContainerProcess), goes there
itself, or stays outside."""

from __future__ import annotations

import os
from errno import EACCES, EBUSY, ENOENT, EPERM

from ..cgroups.members import pids_in
from ..cgroups.tree import Restless, walk_as_it_is
from ..kernel import files
from ..kernel.libc import SystemCallError, show
from .shell import below
from .step import RUNTIME, Context, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    from .world import World

    T = TypeVar("T")


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
