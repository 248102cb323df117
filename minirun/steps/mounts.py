"""Mounts: what the container sees of file systems (mount_namespaces(7)).

Whatever a mount is to be, its place is looked up inside the container's root first (paths.py) and held as a
descriptor. A bind mount is made unattached (open_tree), given its flags (mount_setattr), and only then attached
(move_mount), so that it is at no moment there without them.
"""

from __future__ import annotations

import os
import stat
from errno import EACCES, EBUSY, EINVAL, ELOOP, ENODEV, ENOENT, ENOSPC, ENOTBLK, ENOTDIR, ENXIO, EPERM, EROFS

from ..kernel import files, mounts
from ..kernel.constants import (
    names,
)
from ..kernel.libc import Flags, SystemCallError, show
from . import tmpfs
from .mount_flags import Change, change_commands, shell_options
from .paths import (
    PLACE,
    PLACE_CURES,
    make_directory,
    make_file,
    make_unfollowed,
    new_mount_on,
    refuse_inside_proc,
    renew_root,
    show_find,
)
from .shell import in_root, operand, quoted
from .step import Context, Refused, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .world import World

# Where these lie decides what a process may learn and change, so no symlink of the image may move them.
NEVER_BY_SYMLINK = ("proc", "sysfs")
ORDINARY = "must be mounted on ordinary directory"

# For others mount(8) may have a helper: mount.fuse would take the source for a command.
OF_THE_KERNEL = ("proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup2")


NO_SOURCE = "the source must exist on the host; a relative one is taken from the bundle's directory"
FILE_ON_THE_WAY = "a name on the way to the source is a file, not a directory"
# A mount namespace has its limit of mounts, and no file system is full.
TOO_MANY = "this mount namespace has as many mounts as it may: sysctl fs.mount-max"

# What it means when the kernel refuses to make a mount, or to attach it.
MOUNT_CURES = {
    **PLACE_CURES,
    ("mount", ENOSPC): TOO_MANY,
    ("open_tree", ENOSPC): TOO_MANY,
    ("move_mount", ENOSPC): TOO_MANY,
    ("open_tree", ENOENT): NO_SOURCE,
    ("openat2", ENOENT): "the source lies below the container's root, so it must exist in there by now",
    ("open_tree", ENOTDIR): FILE_ON_THE_WAY,
    ("openat2", ENOTDIR): FILE_ON_THE_WAY,
    ("open_tree", ELOOP): "symlinks on the way to the source lead in a circle",
    ("open_tree", EACCES): "every directory on the way must be searchable (chmod +x) for the container's root user",
    ("open_tree", EINVAL): "what is unbindable can't be bound; and in a user namespace a mount with others below it "
    "only with all of them: use rbind",
    ("mount_setattr", EPERM): "in a user namespace, flags that the host's mount has (nosuid, nodev …) can't be cleared",
}


# The same of a new file system.
FILESYSTEM_CURES = {
    **MOUNT_CURES,
    ENODEV: "this kernel has no such file system: see /proc/filesystems, or load its module",
    EINVAL: "the file system refuses an option; the kernel's log (dmesg) names it. "
    "In a user namespace, ids such as gid=5 must be mapped",
    EPERM: "in a user namespace, a file system needs the namespaces it shows: "
    "proc needs a pid namespace, sysfs a network namespace, mqueue an ipc namespace; proc and sysfs also that "
    "nothing of the caller's own is hidden, as most containers have it; those of disks are root's",
    EBUSY: "the device is in use, or this very file system is mounted there already",
    ENOENT: "the source, or a path among the options, does not exist",
    ENOTDIR: "a name on the way to the source is a file, not a directory",
    ENOTBLK: "the source of this file system is a block device: a file becomes one by losetup(8)",
    ENXIO: "there is no device behind the source",
    ("mount", EACCES): "the device can only be read: add the option ro",
    ("mount", EROFS): "the device can only be read: add the option ro",
}


class MountFilesystem(Step):
    """Mount a new file system, such as the proc of the container's own pid namespace."""

    chapter = "mounts"
    man = "mount(2)"
    spec = "config.md#mounts"
    cures = FILESYSTEM_CURES

    type: str
    source: str
    destination: str
    flags: int = 0
    data: str = ""
    origin: str = ""
    read_only: bool = False  # in the end (MakeMountReadOnly): it begins empty, and places are to be made in it

    @property
    def takes_over(self) -> bool:
        """Whether it takes over owner and mode of the directory that it covers."""
        return tmpfs.takes_over(self.type, self.data)

    def describe(self) -> str:
        options = ", ".join(part for part in (self.data, names(self.flags, "MS_") if self.flags else "") if part)
        return f"mount {self.type} on {self.destination}" + (f" ({options})" if options else "")

    def shell(self) -> str:
        return " && ".join(self.commands())

    def commands(self) -> list[str]:
        """The last is the mount, by mount(8)."""
        words = [shell_options(self.flags, self.data)] if self.flags or self.data else []
        make = [f"mkdir -p {in_root(self.destination)}"]
        if self.takes_over:
            words, make = ['"$looks"', *words], [tmpfs.shell_looks(self.destination), *make]
        options = f" -o {','.join(words)}" if words else ""
        alone = "" if self.type in OF_THE_KERNEL else " --internal-only"
        mounted = f"mount{alone} -t {quoted(self.type)}{options} {operand(self.source)} {in_root(self.destination)}"
        return [*make, mounted]

    def calls(self) -> tuple[str, ...]:
        mounted = mounts.show_mount(self.source, PLACE, self.type, self.flags, self.data or None)
        return (
            show_find(self.destination, self.type not in NEVER_BY_SYMLINK),
            mounted + "  // with mode, uid and gid of the directory" * self.takes_over,
        )

    def effect(self, world: World) -> World:
        return world.mounting(self.destination, self.type, self.source, self.flags)

    def apply(self, context: Context) -> None:
        looks = tmpfs.looks_of(context, self.destination) if self.takes_over else ""
        place = self.make_place(context)
        try:
            refuse_inside_proc(context, place, self.type)
            data = ",".join(filter(None, (looks, self.data)))  # what config.json says is said last, so it counts
            self.mount_at(place, data)
            self.remember(context, place, new_mount_on(context, place, self.destination))
        finally:
            os.close(place)

    def mount_at(self, place: int, data: str) -> None:
        mounts.mount(self.source, files.by_descriptor(place), self.type, self.flags, data or None)

    def make_place(self, context: Context) -> int:
        """Raises Refused in words that callers look for, where anything but a directory of the image is in the way."""
        if self.type not in NEVER_BY_SYMLINK:
            return make_directory(context, self.destination)
        try:
            return make_directory(context, self.destination, symlinks=False)
        except Refused as error:
            raise Refused(f"{self.type} {ORDINARY}, and {error.reason}", error.cure) from None
        except SystemCallError as error:
            if error.errno != ELOOP:
                raise
            why = f"a symlink leads to {self.destination}"
            raise Refused(
                f"{self.type} {ORDINARY}, and {why}", "take the symlink out of the root file system"
            ) from None

    def remember(self, context: Context, below: int, mounted: int) -> None:
        """What later steps need to know of the new mount."""
        context.filesystems[os.fstat(mounted).st_dev] = self.type
        self.fill(below, mounted)
        renew_root(context, below)
        if self.read_only:
            number = files.mount_id(mounted)
            context.mount_ids[self.origin] = number
            context.unfinished[number] = mounted
        else:
            os.close(mounted)

    def fill(self, below: int, mounted: int) -> None:
        """Nothing, since it begins empty or has its own content; with tmpcopyup, what it covers (copying.py)."""


class HideCgroups(MountFilesystem):
    """Nothing, where config.json wants the container's cgroups shown and it has none: without a cgroup namespace they
    would be those of the whole host."""

    def describe(self) -> str:
        return f"hide the host's cgroups behind an empty tmpfs on {self.destination}"


class MountCgroup(Step):
    """Show the cgroups of the container's cgroup namespace.

    mount(2) would refuse with EBUSY what is no mistake: a mount on the host's own cgroup2, where the container has got
    that with all of /sys.
    """

    chapter = "mounts"
    man = "cgroup_namespaces(7)"
    spec = "config.md#posix-platform-mounts"
    cures = {
        **MOUNT_CURES,
        EPERM: "in a user namespace this needs a cgroup namespace that is new as well",
        ENODEV: "this kernel has no cgroup v2 (CONFIG_CGROUPS)",
    }

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

    def effect(self, world: World) -> World:
        return world.mounting(self.destination, "cgroup2", "none", 0, *self.changes)

    def apply(self, context: Context) -> None:
        new = mounts.new_mount("cgroup2")
        try:
            attach(context, new, self.destination, self.changes)
        finally:
            os.close(new)


def attach(context: Context, tree: int, destination: str, changes: tuple[Change, ...], follow: bool = True) -> None:
    """Attach an unattached mount at `destination`, a place of its own kind, with its flags set before. Without `follow`
    it may be a symlink."""
    for change in changes:
        change.apply(tree)
    place = make_place_for(context, tree, destination, follow)
    try:
        refuse_inside_proc(context, place, "")
        mounts.move_mount(tree, place)
        renew_root(context, place)
    finally:
        os.close(place)


def make_place_for(context: Context, tree: int, destination: str, follow: bool) -> int:
    is_directory = stat.S_ISDIR(os.fstat(tree).st_mode)
    if not follow:
        return make_unfollowed(context, destination, is_directory)
    return make_directory(context, destination) if is_directory else make_file(context, destination)


def show_attach(destination: str, changes: tuple[Change, ...], follow: bool = True) -> tuple[str, ...]:
    """The calls of `attach`; the unattached mount is the descriptor `tree`."""
    tree = Flags("tree")
    moved = mounts.show_move_mount(tree, Flags("place"))
    return (*(change.call(tree) for change in changes), show_find(destination, follow=follow), moved)
