"""Roots that are not pivoted, and what a shared one takes: without a mount namespace, in another's, on a ramdisk. The
usual way is in rootfs.py."""

from __future__ import annotations

import os
from errno import EINVAL

from ..kernel import files, mounts, namespaces
from ..kernel.constants import (
    AT_FDCWD,
    MNT_DETACH,
    MS_MOVE,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_PRIVATE,
    MS_RDONLY,
    UMOUNT_NOFOLLOW,
)
from ..kernel.libc import Flags, SystemCallError, show
from ..kernel.mountinfo import mount_points
from .rootfs import BindRootfs, take_root_of_namespace
from .shell import quoted
from .step import RUNTIME, Context, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .world import World


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


class MoveRoot(Step):
    """--no-pivot, for an initial ramdisk, which can't be pivoted: move the mount over "/" and chroot.

    The host's mounts stay below, so every full proc and sysfs of the host goes first: through them a process that
    breaks out of the chroot would reach the host.
    """

    chapter = "mounts"
    man = "chroot(2)"
    spec = "config.md#root"

    origin: str = "/root/path"

    def describe(self) -> str:
        return "move the root file system over / and chroot into it (--no-pivot)"

    def shell(self) -> str:
        return 'cd "$rootfs" && umount -l /sys /proc && mount --move . / && exec chroot .'

    def calls(self) -> tuple[str, ...]:
        return (
            *namespaces.show_leave_chroot(),
            show("fchdir", Flags("root")),
            show("umount2", "/proc", Flags("MNT_DETACH")) + "  // each proc and sysfs; or a tmpfs over it",
            mounts.show_mount(".", "/", None, MS_MOVE, None),
            show("chroot", "."),
            show("chdir", "/"),
        )

    def effect(self, world: World) -> World:
        return world.become(root="its own", directory="/")

    def apply(self, context: Context) -> None:
        proc = files.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)  # a chroot may be all that has one
        take_root_of_namespace(context.root)
        hosts = self.kernel_mounts(context, proc)  # read now: it is /proc itself that goes
        os.close(proc)
        files.fchdir(context.root)
        for mount_point in reversed(hosts):
            hide(mount_point)
        mounts.mount(".", "/", None, MS_MOVE, None)
        files.chroot(".")
        files.chdir("/")
        os.close(context.root)

    def kernel_mounts(self, context: Context, proc: int) -> list[str]:
        """The mount points of the host's proc and sysfs file systems."""
        rootfs = os.readlink(f"self/fd/{context.root}", dir_fd=proc) + "/"
        return [point for point in mount_points("proc", "sysfs", proc=proc) if not point.startswith(rootfs)]


def hide(mount_point: str) -> None:
    """Take it away; cover it where it came from a more privileged mount namespace and is locked by that
    (mount_namespaces(7))."""
    try:
        mounts.umount2(mount_point, MNT_DETACH)
    except SystemCallError as error:
        if error.errno != EINVAL:
            raise
        mounts.mount("tmpfs", mount_point, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, None)
