"""The container's root directory: from a directory of the host to "/", and the host's own root out of sight."""

from __future__ import annotations

import os
from errno import EACCES, EBUSY, EINVAL, ENOENT, ENOTDIR, EPERM

from ..kernel import files, mounts, namespaces
from ..kernel.constants import (
    MNT_DETACH,
    MOUNT_ATTR_RDONLY,
    MS_REC,
    MS_SLAVE,
    propagation_word,
)
from ..kernel.libc import Flags, SystemCallError, show
from .shell import quoted
from .step import Context, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .world import World


class SetRootPropagation(Step):
    """Decide whether mounts travel between the namespaces. A new mount namespace starts as the peer of its parent."""

    chapter = "mounts"
    man = "mount_namespaces(7)"
    spec = "config-linux.md#rootfs-mount-propagation"
    cures = {EINVAL: "/ is no mount, as in a chroot: mount --bind DIRECTORY DIRECTORY, before chroot(8), makes it one"}

    flags: int
    origin: str = ""

    def describe(self) -> str:
        return f"set the mount propagation of / to {propagation_word(self.flags)}"

    def shell(self) -> str:
        return f"mount --make-{propagation_word(self.flags)} /"

    def calls(self) -> tuple[str, ...]:
        return (mounts.show_mount(None, "/", None, self.flags, None),)

    def apply(self, context: Context) -> None:
        mounts.mount(None, "/", None, self.flags, None)


class BindRootfs(Step):
    """Bind the root directory on itself: pivot_root(2) wants a mount, and this one is the container's own."""

    chapter = "mounts"
    man = "pivot_root(2)"
    spec = "config.md#root"
    cures = {
        ENOENT: "root.path is taken from the bundle's directory: the directory must exist",
        ENOTDIR: "root.path must be a directory",
        EACCES: "every directory on the way must be searchable (chmod +x) for the container's root user",
    }

    path: str
    origin: str = "/root/path"

    def describe(self) -> str:
        return f"bind the root file system {self.path} on itself"

    def shell(self) -> str:
        return f'rootfs={quoted(self.path)}; mount --rbind "$rootfs" "$rootfs"'

    def calls(self) -> tuple[str, ...]:
        return (
            "place = " + show("open", self.path, files.open_flags(os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)),
            "root = " + mounts.show_open_tree(Flags("place"), "", True),
            mounts.show_move_mount(Flags("root"), Flags("place")),
        )

    def effect(self, world: World) -> World:
        return world.binding("/", self.path, brings_others=True)

    def apply(self, context: Context) -> None:
        place = files.open(self.path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            context.root = mounts.open_tree(place, "", True)
            mounts.move_mount(context.root, place)
        finally:
            os.close(place)


class MakeRootReadOnly(Step):
    chapter = "mounts"
    man = "mount_setattr(2)"
    spec = "config.md#root"

    origin: str = "/root/readonly"

    def describe(self) -> str:
        return "make the root file system read-only"

    def shell(self) -> str:
        return 'mount -o remount,bind,ro "$rootfs"'

    def calls(self) -> tuple[str, ...]:
        return (mounts.show_mount_setattr(Flags("root"), False, attr_set=MOUNT_ATTR_RDONLY),)

    def effect(self, world: World) -> World:
        return world.restricting("/", MOUNT_ATTR_RDONLY)

    def apply(self, context: Context) -> None:
        mounts.mount_setattr(context.root, False, attr_set=MOUNT_ATTR_RDONLY)


class PivotRoot(Step):
    """Make the container's root the root of its mount namespace. The old one stays below until it is detached."""

    chapter = "mounts"
    man = "pivot_root(2)"
    spec = "config.md#root"
    cures = {
        EINVAL: "a mount of config.json on / must not be shared: say that in /linux/rootfsPropagation; and on an "
        "initial ramdisk the root can't be moved: there use --no-pivot",
        EBUSY: "the root file system must not be the root of this mount namespace already",
    }

    origin: str = "/root/path"

    def describe(self) -> str:
        return "make the root file system the root of the mount namespace"

    def shell(self) -> str:
        return 'cd "$rootfs" && pivot_root . . && hash -r'

    def calls(self) -> tuple[str, ...]:
        opened = "old_root = " + show("open", "/", files.open_flags(os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
        return (*namespaces.show_leave_chroot(), opened, show("fchdir", Flags("root")), show("pivot_root", ".", "."))

    def effect(self, world: World) -> World:
        return world.become(root="its own", directory="/")

    def apply(self, context: Context) -> None:
        take_root_of_namespace(context.root)
        context.old_root = files.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        files.fchdir(context.root)
        # Both names may be "." (pivot_root(2), NOTES): the old root is stacked on the new one and needs no directory.
        mounts.pivot_root(".", ".")


def take_root_of_namespace(new_root: int) -> None:
    """What is exchanged is the caller's root. In a chroot, the namespace's would stay below: setns(2) leads there, and
    so `exec` and whoever has CAP_SYS_ADMIN in the container would come to the host's files."""
    own = files.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        was_root = is_callers_root(new_root)
        leave_chroot_where_allowed()
        if was_root and is_callers_root(new_root):  # bound on the namespace's: what is exchanged, from below
            files.fchdir(own)
            files.chroot(".")
    finally:
        os.close(own)


def is_callers_root(directory: int) -> bool:
    return os.path.samestat(os.fstat(directory), os.stat("/"))


def leave_chroot_where_allowed() -> None:
    try:
        namespaces.leave_chroot()
    except SystemCallError as error:
        if error.errno != EPERM:  # takes CAP_SYS_CHROOT, without which nobody leaves a chroot
            raise


class DetachOldRoot(Step):
    """Take the host's mounts out of the namespace, without telling the host's namespace to do the same."""

    chapter = "mounts"
    man = "umount(2)"
    spec = "config.md#root"

    origin: str = "/root/path"

    def describe(self) -> str:
        return "detach the host's root and everything mounted below it"

    def shell(self) -> str:
        return "mount --make-rslave /.. && umount -l . && cd /"  # by /.. one comes out on top: in the old root

    def calls(self) -> tuple[str, ...]:
        return (
            show("fchdir", Flags("old_root")),
            mounts.show_mount(None, ".", None, MS_SLAVE | MS_REC, None),
            show("umount2", ".", Flags("MNT_DETACH")),
            show("chdir", "/"),
        )

    def effect(self, world: World) -> World:
        return world.become(sees_host=False, directory="/").uncovered()

    def apply(self, context: Context) -> None:
        files.fchdir(context.old_root)
        mounts.mount(None, ".", None, MS_SLAVE | MS_REC, None)
        mounts.umount2(".", MNT_DETACH)
        files.chdir("/")
        os.close(context.old_root)
        os.close(context.root)
