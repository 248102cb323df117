"""Mounts: what the container sees of file systems (mount_namespaces(7)).

Whatever a mount is to be, its place is looked up inside the container's root first (paths.py) and held as a
descriptor. A bind mount is made unattached (open_tree), given its flags (mount_setattr), and only then attached
(move_mount), so that it is at no moment there without them.
"""

from __future__ import annotations

import os
import stat
from errno import EACCES, EBUSY, EINVAL, ELOOP, ENODEV, ENOENT, ENOTDIR, EPERM

from ..kernel import files, mounts
from ..kernel.constants import (
    AT_FDCWD,
    MOUNT_ATTR__ATIME,
    MOUNT_ATTR_RDONLY,
    MS_RDONLY,
    MS_REC,
    names,
    propagation_word,
)
from ..kernel.libc import Flags, SystemCallError, show
from ..record import Record
from .paths import CLOSED_ROOT, PLACE, find, make_directory, make_file, refuse_inside_proc, show_find
from .shell import in_root, operand, quoted
from .step import Context, Refused, Step

# Where these lie decides what a process may learn and change, so no symlink of the image may move them.
NEVER_BY_SYMLINK = ("proc", "sysfs")


# For others mount(8) may have a helper: mount.fuse would take the source for a command.
OF_THE_KERNEL = ("proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup2")


class Change(Record):
    """What mount_setattr(2) changes: attributes to set and to clear, on one mount or on all below it."""

    attr_set: int = 0
    attr_clr: int = 0
    propagation: int = 0
    recursive: bool = False

    def describe(self) -> str:
        """The change in words of the header: "set MOUNT_ATTR_RDONLY"."""
        parts = [
            f"{verb} {names(value, prefix)}"
            for verb, value, prefix in (
                ("set", self.attr_set, "MOUNT_ATTR_"),
                ("clear", self.attr_clr & ~self.attr_set, "MOUNT_ATTR_"),
                ("propagation", self.propagation, "MS_"),
            )
            if value
        ]
        return " ".join(parts) + (" recursively" if self.recursive else "")

    def cleared(self) -> int:
        """What is cleared and stays so. The access time modes are one field, which is cleared whenever one is set."""
        mode = MOUNT_ATTR__ATIME if self.attr_set & MOUNT_ATTR__ATIME else 0
        return self.attr_clr & ~self.attr_set & ~mode

    def call(self, mount: object) -> str:
        return mounts.show_mount_setattr(mount, self.recursive, self.attr_set, self.attr_clr, self.propagation)

    def apply(self, mount: int) -> None:
        mounts.mount_setattr(mount, self.recursive, self.attr_set, self.attr_clr, self.propagation)


class MountFilesystem(Step):
    """Mount a new file system, such as the proc of the container's own pid namespace."""

    chapter = "mounts"
    man = "mount(2)"
    spec = "config.md#mounts"
    cures = {
        ENODEV: "this kernel has no such file system: see /proc/filesystems, or load its module",
        EINVAL: "the file system refuses an option; the kernel's log (dmesg) names it. "
        "In a user namespace, ids such as gid=5 must be mapped",
        EPERM: "in a user namespace, a file system needs the namespaces it shows: "
        "proc needs a pid namespace, sysfs a network namespace, mqueue an ipc namespace; proc and sysfs also that "
        "nothing of the caller's own is hidden, as most containers have it; those of disks are root's",
        EACCES: CLOSED_ROOT,
        EBUSY: "the device is in use, or this very file system is mounted there already",
        ENOENT: "the source does not exist",
    }

    type: str
    source: str
    destination: str
    flags: int = 0
    data: str = ""
    copy_up: bool = False
    origin: str = ""

    def describe(self) -> str:
        options = ", ".join(part for part in (self.data, names(self.flags, "MS_") if self.flags else "") if part)
        described = f"mount {self.type} on {self.destination}" + (f" ({options})" if options else "")
        return described + ", with a copy of what it hides" * self.copy_up

    def shell(self) -> str:
        flags = self.first_flags()
        options = f" -o {shell_options(flags, self.data)}" if flags or self.data else ""
        alone = "" if self.type in OF_THE_KERNEL else " --internal-only"
        command = f"mount{alone} -t {quoted(self.type)}{options} {operand(self.source)}"
        place = in_root(self.destination)
        if not self.copy_up:
            return f"mkdir -p {place} && {command} {place}"
        mounted = f"mkdir -p {place} && exec {{below}}<{place} && {command} {place}"
        filled = f"cp -a /proc/self/fd/$below/. {place} && exec {{below}}<&-"
        read_only = f" && mount -o remount,bind,ro {place}" * (flags != self.flags)
        return f"{mounted} && {filled}{read_only}"

    def calls(self) -> tuple[str, ...]:
        mounted = mounts.show_mount(self.source, PLACE, self.type, self.first_flags(), self.data or None)
        return (
            show_find(self.destination, self.type not in NEVER_BY_SYMLINK),
            mounted + "  // then what lies below is copied into it" * self.copy_up,
        )

    def first_flags(self) -> int:
        """Without MS_RDONLY where the file system is to be filled first."""
        return self.flags & ~MS_RDONLY if self.copy_up else self.flags

    def prepare(self) -> None:
        if self.copy_up:
            from . import copying  # noqa: F401

    def apply(self, context: Context) -> None:
        place = make_directory(context.root, self.destination, self.type not in NEVER_BY_SYMLINK)
        try:
            refuse_inside_proc(context, place, self.type)
            self.mount_on(context, place)
        finally:
            os.close(place)

    def mount_on(self, context: Context, place: int) -> None:
        mounts.mount(self.source, files.by_descriptor(place), self.type, self.first_flags(), self.data or None)
        if self.copy_up:
            self.fill(context, place)

    def fill(self, context: Context, below: int) -> None:
        """tmpcopyup: the new tmpfs starts with what the directory below it holds."""
        from .copying import copy_directory

        mounted = find(context.root, self.destination)
        assert mounted is not None
        try:
            copy_directory(below, mounted)
            if self.flags & MS_RDONLY:
                mounts.mount_setattr(mounted, False, attr_set=MOUNT_ATTR_RDONLY)
        finally:
            os.close(mounted)

    def cure(self, error: SystemCallError) -> str:
        if error.errno in (ENOTDIR, ELOOP):
            return f"{self.destination} must be a directory of the root file system, not a file or a symlink"
        return super().cure(error)


def shell_options(flags: int, data: str) -> str:
    """Flags and data as mount(8) takes them after -o, whose words are the flags' names."""
    words = [name.removeprefix("MS_").lower() for name in names(flags, "MS_").split("|") if flags]
    return quoted(",".join([SHELL_WORDS.get(word, word) for word in words] + ([data] if data else [])))


def make_place(source: str, destination: str) -> str:
    """A place for a bind mount, where there is none: a directory for a directory, and a file for all else."""
    place = in_root(destination)
    make = f"if [ -d {quoted(source)} ]; then mkdir -p {place}; else install -D -m 644 /dev/null {place}; fi"
    return f"[ -e {place} ] || {make}"


SHELL_WORDS = {"rdonly": "ro", "synchronous": "sync", "mandlock": "mand", "i_version": "iversion"}
CLEARING_WORDS = {
    "rdonly": "rw",
    "nosuid": "suid",
    "nodev": "dev",
    "noexec": "exec",
    "_atime": "relatime",  # the mode that is zero
    "nodiratime": "diratime",
    "nosymfollow": "symfollow",
}


def change_commands(changes: tuple[Change, ...], destination: str) -> str:
    """The changes in mount(8)'s words."""
    commands = (change_command(change, in_root(destination)) for change in changes)
    return " && ".join(filter(None, commands))


def change_command(change: Change, place: str) -> str:
    if change.propagation:
        word = propagation_word(change.propagation | (MS_REC if change.recursive else 0))
        return f"mount --make-{word} {place}"
    words = [SHELL_WORDS.get(word, word) for word in attribute_words(change.attr_set)]
    words += [CLEARING_WORDS[word] for word in attribute_words(change.cleared())]
    remount = f"mount -o remount,bind,{','.join(words)}"
    if not change.recursive:
        return f"{remount} {place}" if words else ""
    below = f"findmnt --noheadings --list --submounts --output TARGET {place}"
    return f'{below} | while IFS= read -r below; do {remount} "$below"; done'


def attribute_words(attributes: int) -> list[str]:
    if not attributes:
        return []
    return [name.removeprefix("MOUNT_ATTR_").lower() for name in names(attributes, "MOUNT_ATTR_").split("|")]


class HideCgroups(MountFilesystem):
    """Nothing, where config.json wants the container's cgroups shown and it has none: without a cgroup namespace they
    would be those of the whole host."""

    def describe(self) -> str:
        return f"hide the host's cgroups behind an empty tmpfs on {self.destination}"


class Remount(Step):
    """Change the options of a mount that is there already."""

    chapter = "mounts"
    man = "mount(2)"
    spec = "config.md#linux-mount-options"
    cures = {EINVAL: "the destination must be a mount already"}

    destination: str
    flags: int
    data: str
    origin: str

    def describe(self) -> str:
        return f"change the mount on {self.destination} ({names(self.flags, 'MS_')})"

    def shell(self) -> str:
        return f"mount -o {shell_options(self.flags, self.data)} {in_root(self.destination)}"

    def calls(self) -> tuple[str, ...]:
        return (show_find(self.destination), mounts.show_mount(None, PLACE, None, self.flags, self.data or None))

    def apply(self, context: Context) -> None:
        place = find(context.root, self.destination)
        if place is None:
            raise Refused(f"{self.destination} does not exist", "a remount changes a mount that is there already")
        try:
            mounts.mount(None, files.by_descriptor(place), None, self.flags, self.data or None)
        finally:
            os.close(place)


class BindMount(Step):
    """Show a file or directory of the host in the container."""

    chapter = "mounts"
    man = "mount(2)"
    spec = "config.md#mounts"
    cures = {
        ENOENT: "the source must exist on the host; a relative one is taken from the bundle's directory",
        EPERM: "in a user namespace, flags that the host's mount has (nosuid, nodev …) can't be cleared",
        EACCES: "every directory on the way must be searchable (chmod +x) for the container's root user; "
        + CLOSED_ROOT,
        ENOTDIR: "a file can only be bound on a file, a directory on a directory",
        EINVAL: "in a user namespace a mount with others below it can only be bound with all of them: use rbind",
    }

    source: str
    destination: str
    recursive: bool = False
    changes: tuple[Change, ...] = ()
    origin: str = ""

    def describe(self) -> str:
        changes = ", ".join(change.describe() for change in self.changes)
        return f"bind {self.source} on {self.destination}" + (f" ({changes})" if changes else "")

    def shell(self) -> str:
        verb = "--rbind" if self.recursive else "--bind"
        command = f"mount {verb} {quoted(self.source)} {in_root(self.destination)}"
        command = f"{make_place(self.source, self.destination)} && {command}"
        return " && ".join(filter(None, (command, change_commands(self.changes, self.destination))))

    def calls(self) -> tuple[str, ...]:
        opened = "tree = " + mounts.show_open_tree(AT_FDCWD, self.source, self.recursive)
        return (opened, *show_attach(self.destination, self.changes))

    def apply(self, context: Context) -> None:
        tree = mounts.open_tree(AT_FDCWD, self.source, self.recursive)
        try:
            attach(context, tree, self.destination, self.changes)
        finally:
            os.close(tree)


class ChangeMount(Step):
    """Set what mount(2) can't set while it mounts: propagation, and flags for all mounts below."""

    chapter = "mounts"
    man = "mount_setattr(2)"
    spec = "config.md#mounts"
    no_shell = "there is nothing to change"

    destination: str
    changes: tuple[Change, ...]
    origin: str

    def describe(self) -> str:
        return f"change the mount on {self.destination}: {', '.join(change.describe() for change in self.changes)}"

    def shell(self) -> str | None:
        return change_commands(self.changes, self.destination) or None

    def calls(self) -> tuple[str, ...]:
        return (show_find(self.destination), *(change.call(Flags("place")) for change in self.changes))

    def apply(self, context: Context) -> None:
        mounted = find(context.root, self.destination)
        if mounted is None:
            raise Refused(f"{self.destination} is gone", "")
        try:
            for change in self.changes:
                change.apply(mounted)
        finally:
            os.close(mounted)


class MountCgroup(Step):
    """Show the cgroups of the container's cgroup namespace.

    mount(2) would refuse with EBUSY what is no mistake: a mount on the host's own cgroup2, where the container has got
    that with all of /sys.
    """

    chapter = "mounts"
    man = "cgroup_namespaces(7)"
    spec = "config.md#posix-platform-mounts"
    cures = {EPERM: "in a user namespace this needs a cgroup namespace that is new as well", EACCES: CLOSED_ROOT}

    destination: str
    changes: tuple[Change, ...]
    origin: str

    def describe(self) -> str:
        changes = ", ".join(change.describe() for change in self.changes)
        return f"mount cgroup2 on {self.destination}" + (f" ({changes})" if changes else "")

    def shell(self) -> str:
        place = in_root(self.destination)
        command = f"mkdir -p {place} && mount -t cgroup2 none {place}"
        return " && ".join(filter(None, (command, change_commands(self.changes, self.destination))))

    def calls(self) -> tuple[str, ...]:
        made = (
            "context = " + show("fsopen", "cgroup2", Flags("FSOPEN_CLOEXEC")),
            show("fsconfig", Flags("context"), Flags("FSCONFIG_CMD_CREATE"), None, None, 0),
            "tree = " + show("fsmount", Flags("context"), Flags("FSMOUNT_CLOEXEC"), 0),
        )
        return (*made, *show_attach(self.destination, self.changes))

    def apply(self, context: Context) -> None:
        new = mounts.new_mount("cgroup2")
        try:
            attach(context, new, self.destination, self.changes)
        finally:
            os.close(new)


class BindCgroup(Step):
    """Show the container's own cgroup. Without a cgroup namespace a new mount would show the whole host's tree."""

    chapter = "mounts"
    man = "cgroups(7)"
    spec = "config.md#posix-platform-mounts"

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

    def apply(self, context: Context) -> None:
        BindMount(context.cgroup, self.destination, False, self.changes, self.origin).apply(context)


def attach(context: Context, tree: int, destination: str, changes: tuple[Change, ...]) -> None:
    """Attach an unattached mount at `destination`, a place of its own kind, with its flags set before."""
    for change in changes:
        change.apply(tree)
    make = make_directory if stat.S_ISDIR(os.fstat(tree).st_mode) else make_file
    place = make(context.root, destination)
    try:
        refuse_inside_proc(context, place, "")
        mounts.move_mount(tree, place)
    finally:
        os.close(place)


def show_attach(destination: str, changes: tuple[Change, ...]) -> tuple[str, ...]:
    """The calls of `attach`; the unattached mount is the descriptor `tree`."""
    tree = Flags("tree")
    moved = mounts.show_move_mount(tree, Flags("place"))
    return (*(change.call(tree) for change in changes), show_find(destination), moved)
