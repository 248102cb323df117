"""Mounts that show what is there already: the host's files, and the container's own cgroup.

The plain container has none, so this is imported for those that do.
"""

from __future__ import annotations

import os

from ..kernel import files, mounts
from ..kernel.constants import AT_FDCWD
from ..kernel.libc import Flags
from .mount_flags import Change, change_commands
from .mounts import MOUNT_CURES, attach, show_attach
from .shell import in_root, quoted
from .step import Context, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .world import World


class BindMount(Step):
    """Show a file or directory of the host in the container."""

    chapter = "mounts"
    man = "mount(2)"
    spec = "config.md#mounts"
    cures = MOUNT_CURES

    source: str
    destination: str
    recursive: bool = False
    changes: tuple[Change, ...] = ()
    origin: str = ""
    inside: str = ""  # the source again, by its path in the container, where it lies in there
    is_opened: bool = False  # by the runtime, which reaches more (sources.py)
    follow: bool = True  # a symlink that is the source
    follow_place: bool = True  # one that is the destination

    def describe(self) -> str:
        changes = ", ".join(change.describe() for change in self.changes)
        return f"bind {self.source} on {self.destination}" + (f" ({changes})" if changes else "")

    def shell(self) -> str:
        verb = "--rbind" if self.recursive else "--bind"
        source = in_root(self.inside) if self.inside else quoted(self.source)
        command = f"mount {verb} {source} {in_root(self.destination)}"
        command = f"{make_place(source, self.destination)} && {command}"
        return " && ".join(filter(None, (command, change_commands(self.changes, self.destination))))

    def calls(self) -> tuple[str, ...]:
        return (*show_copy(self), *show_attach(self.destination, self.changes, self.follow_place))

    def effect(self, world: World) -> World:
        return world.binding(self.destination, self.source, *self.changes, brings_others=self.recursive)

    def apply(self, context: Context) -> None:
        tree = copy_source(context, self)
        try:
            attach(context, tree, self.destination, self.changes, self.follow_place)
        finally:
            os.close(tree)


def copy_source(context: Context, bind: BindMount) -> int:
    """An unattached copy of what the mount is to show. Needs a close."""
    if not bind.inside and not bind.is_opened:
        return mounts.open_tree(AT_FDCWD, bind.source, bind.recursive, bind.follow)
    source = context.incoming.pop() if bind.is_opened else open_inside(context.root, bind.inside, bind.follow)
    try:
        return mounts.open_tree(source, "", bind.recursive)
    finally:
        os.close(source)


def open_inside(root: int, path: str, follow: bool) -> int:
    """A source below the container's root is what a process in there would find, with all that is mounted by now: no
    symlink of the image leads to the host's files."""
    return files.open_in_root(root, path, os.O_PATH | (0 if follow else os.O_NOFOLLOW))


def show_copy(bind: BindMount) -> tuple[str, ...]:
    """The calls of `copy_source`; the unattached mount is the descriptor `tree`."""
    if not bind.inside and not bind.is_opened:
        return ("tree = " + mounts.show_open_tree(AT_FDCWD, bind.source, bind.recursive, bind.follow),)
    copied = "tree = " + mounts.show_open_tree(Flags("source"), "", bind.recursive)
    flags = os.O_PATH | (0 if bind.follow else os.O_NOFOLLOW)
    found = "source = " + files.show_openat2(Flags("root"), bind.inside, flags, files.resolve_in_root(True))
    return (copied,) if bind.is_opened else (found, copied)


def make_place(source: str, destination: str) -> str:
    """A place for a bind mount, where there is none: a directory for a directory, and a file for all else. The source
    is quoted already."""
    place = in_root(destination)
    make = f"if [ -d {source} ]; then mkdir -p {place}; else install -D -m 644 /dev/null {place}; fi"
    return f"[ -e {place} ] || {make}"


class BindCgroup(Step):
    """Show the container's own cgroup. Without a cgroup namespace a new mount would show the whole host's tree."""

    chapter = "mounts"
    man = "cgroups(7)"
    spec = "config.md#posix-platform-mounts"
    cures = MOUNT_CURES

    destination: str
    changes: tuple[Change, ...]
    origin: str

    def describe(self) -> str:
        return f"bind the container's cgroup on {self.destination}"

    def shell(self) -> str:
        place = in_root(self.destination)
        command = f'mkdir -p {place} && mount --bind "$cgroup" {place}'
        return " && ".join(filter(None, (command, change_commands(self.changes, self.destination))))

    def calls(self) -> tuple[str, ...]:
        opened = "tree = " + mounts.show_open_tree(AT_FDCWD, "$cgroup", False)
        return (opened, *show_attach(self.destination, self.changes))

    def effect(self, world: World) -> World:
        return world.binding(self.destination, "the container's cgroup", *self.changes)

    def apply(self, context: Context) -> None:
        BindMount(context.cgroup, self.destination, False, self.changes, self.origin).apply(context)
