"""The container's root directory: from a directory of the host to "/", and the host's own root out of sight."""

from __future__ import annotations

import os
from errno import EACCES, EBUSY, EINVAL, ENOENT, ENOTDIR

from ..kernel import files, mounts
from ..kernel.constants import (
    AT_FDCWD,
    MNT_DETACH,
    MOUNT_ATTR_RDONLY,
    MS_MOVE,
    MS_PRIVATE,
    MS_REC,
    MS_SLAVE,
    UMOUNT_NOFOLLOW,
    propagation_word,
)
from ..kernel.libc import Flags, SystemCallError, show
from ..kernel.mountinfo import mount_points
from .shell import quoted
from .step import RUNTIME, Context, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .world import World


class SetRootPropagation(Step):
    """Decide whether mounts travel between the namespaces. A new mount namespace starts as the peer of its parent."""

    chapter = "mounts"
    man = "mount_namespaces(7)"
    spec = "config-linux.md#rootfs-mount-propagation"

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


class MakeParentPrivate(Step):
    """Keep the mounts of a shared root out of the host: what is mounted below a shared mount appears in its peers."""

    chapter = "mounts"
    man = "pivot_root(2)"
    spec = "config-linux.md#rootfs-mount-propagation"

    rootfs: str
    origin: str = "/linux/rootfsPropagation"

    def describe(self) -> str:
        return f"make the mount that holds {self.rootfs} private"

    def shell(self) -> str:
        return f'mount --make-private "$(findmnt -n -o TARGET --target {quoted(self.rootfs)})"'

    def calls(self) -> tuple[str, ...]:
        opened = "place = " + show("open", self.rootfs, files.open_flags(os.O_PATH | os.O_CLOEXEC)) + "  // or a parent"
        return (opened, mounts.show_mount_setattr(Flags("place"), False, propagation=MS_PRIVATE))

    def apply(self, context: Context) -> None:
        path = os.path.realpath(self.rootfs)
        while True:
            place = files.open(path, os.O_PATH | os.O_CLOEXEC)
            try:
                return mounts.mount_setattr(place, False, propagation=MS_PRIVATE)
            except SystemCallError as error:
                if error.errno != EINVAL or path == "/":  # EINVAL: not the root of a mount
                    raise
                path = os.path.dirname(path)
            finally:
                os.close(place)


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


class BindRootfsOutside(Step):
    """Without a mount namespace, the container's mounts are the host's. So they are all made below this one: in the
    books, where nobody else has anything, and where the whole tree can go at once."""

    runs_in = RUNTIME
    chapter = "mounts"
    man = "mount_setattr(2)"
    spec = "config-linux.md#namespaces"
    cures = BindRootfs.cures

    path: str
    target: str  # in a directory of its own, which no user of the host can enter
    origin: str = "/root/path"

    def describe(self) -> str:
        return f"bind the root file system {self.path} at {self.target}, on the host"

    def shell(self) -> str:
        target = quoted(self.target)
        make = f"mkdir -m 700 {quoted(os.path.dirname(self.target))} && mkdir {target}"
        return f"{make} && mount --rbind --make-rprivate {quoted(self.path)} {target}"

    def calls(self) -> tuple[str, ...]:
        tree, place = Flags("tree"), Flags("place")
        return (
            "tree = " + mounts.show_open_tree(AT_FDCWD, self.path, True),
            mounts.show_mount_setattr(tree, True, propagation=MS_PRIVATE),
            show("mkdir", os.path.dirname(self.target), files.octal(0o700)),
            show("mkdir", self.target, files.octal(0o755)),
            "place = " + show("open", self.target, files.open_flags(os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)),
            mounts.show_move_mount(tree, place),
        )

    def effect(self, world: World) -> World:
        return world.binding("/", self.path, brings_others=True)

    def apply(self, context: Context) -> None:
        tree = mounts.open_tree(AT_FDCWD, self.path, True)
        try:
            mounts.mount_setattr(tree, True, propagation=MS_PRIVATE)
            files.mkdir(os.path.dirname(self.target), 0o700)
            files.mkdir(self.target, 0o755)
            self.attach(tree)
        except BaseException:
            self.undo(context)
            raise
        finally:
            os.close(tree)

    def attach(self, tree: int) -> None:
        place = files.open(self.target, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            mounts.move_mount(tree, place)
        finally:
            os.close(place)

    def undo(self, context: Context) -> None:
        """Also after a runtime that was killed anywhere in `apply`."""
        if os.path.isdir(self.target):
            self.detach_all()
            os.rmdir(self.target)
        if os.path.isdir(os.path.dirname(self.target)):
            os.rmdir(os.path.dirname(self.target))

    def detach_all(self) -> None:
        """Also what config.json has mounted on the root, which lies on top."""
        while True:
            try:
                mounts.umount2(self.target, MNT_DETACH | UMOUNT_NOFOLLOW)
            except SystemCallError as error:
                if error.errno == EINVAL:  # nothing is mounted there any more
                    return
                raise


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


class HoldRoot(Step):
    """The default is for what comes after setns(2) into a mount namespace, where "/" is its root."""

    chapter = "mounts"
    man = "mount_namespaces(7)"

    path: str = "/"

    def describe(self) -> str:
        return "hold the container's root directory"

    def shell(self) -> str:
        return f"rootfs={quoted(self.path.rstrip('/')) if self.path != '/' else ''}"

    def calls(self) -> tuple[str, ...]:
        return ("root = " + show("open", self.path, files.open_flags(os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)),)

    def apply(self, context: Context) -> None:
        context.root = files.open(self.path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


class ChangeRoot(Step):
    """In the host's mount namespace there is nothing to pivot. A process with CAP_SYS_CHROOT gets out of this again
    (chroot(2), NOTES), so it is for programs that may."""

    chapter = "mounts"
    man = "chroot(2)"
    spec = "config.md#root"

    origin: str = "/root/path"

    def describe(self) -> str:
        return "take the root file system for the root directory, without a mount namespace to pivot"

    def shell(self) -> str:
        return 'cd "$rootfs" && exec chroot . "$SHELL"'

    def calls(self) -> tuple[str, ...]:
        return (show("fchdir", Flags("root")), show("chroot", "."), show("chdir", "/"))

    def effect(self, world: World) -> World:
        return world.become(root="its own", directory="/")

    def apply(self, context: Context) -> None:
        files.fchdir(context.root)
        files.chroot(".")
        files.chdir("/")
        os.close(context.root)


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
        return (opened, show("fchdir", Flags("root")), show("pivot_root", ".", "."))

    def effect(self, world: World) -> World:
        return world.become(root="its own", directory="/")

    def apply(self, context: Context) -> None:
        context.old_root = files.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        files.fchdir(context.root)
        # Both names may be "." (pivot_root(2), NOTES): the old root is stacked on the new one and needs no directory.
        mounts.pivot_root(".", ".")


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
        return world.become(sees_host=False, directory="/")

    def apply(self, context: Context) -> None:
        files.fchdir(context.old_root)
        mounts.mount(None, ".", None, MS_SLAVE | MS_REC, None)
        mounts.umount2(".", MNT_DETACH)
        files.chdir("/")
        os.close(context.old_root)
        os.close(context.root)


class MoveRoot(Step):
    """--no-pivot, for an initial ramdisk, which can't be pivoted: move the mount over "/" and chroot.

    The host's mounts stay below, so every full proc and sysfs of the host goes first: through them a process that
    breaks out of the chroot would reach the host.
    """

    chapter = "mounts"
    man = "chroot(2)"
    spec = "config.md#root"

    path: str
    origin: str = "/root/path"

    def describe(self) -> str:
        return "move the root file system over / and chroot into it (--no-pivot)"

    def shell(self) -> str:
        return 'cd "$rootfs" && umount -l /sys /proc && mount --move . / && exec chroot .'

    def calls(self) -> tuple[str, ...]:
        return (
            show("fchdir", Flags("root")),
            show("umount2", "/proc", Flags("MNT_DETACH")) + "  // and every other proc and sysfs",
            mounts.show_mount(".", "/", None, MS_MOVE, None),
            show("chroot", "."),
            show("chdir", "/"),
        )

    def effect(self, world: World) -> World:
        return world.become(root="its own", directory="/")

    def apply(self, context: Context) -> None:
        hosts = self.kernel_mounts()  # read now: it is /proc itself that goes
        files.fchdir(context.root)
        for mount_point in reversed(hosts):
            mounts.umount2(mount_point, MNT_DETACH)
        mounts.mount(".", "/", None, MS_MOVE, None)
        files.chroot(".")
        files.chdir("/")
        os.close(context.root)

    def kernel_mounts(self) -> list[str]:
        """The mount points of the host's proc and sysfs file systems."""
        rootfs = os.path.realpath(self.path) + "/"
        return [point for point in mount_points("proc", "sysfs") if not point.startswith(rootfs)]
