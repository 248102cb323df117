"""What the container must not see or change of the kernel's own file systems: masked and read-only paths."""

from __future__ import annotations

import os
import stat

from ..kernel import files, mounts
from ..kernel.constants import MOUNT_ATTR_RDONLY, MS_PRIVATE, MS_RDONLY
from ..kernel.libc import Flags, show
from .mounts import MOUNT_CURES
from .paths import PLACE, find, is_root, new_mount_on, renew_root, show_find
from .shell import in_root
from .step import Context, Refused, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .world import World

NOT_THERE = "not there"  # the result of either step then


class MaskPath(Step):
    """Hide a file behind /dev/null, a directory behind an empty read-only tmpfs, of which there is one for all. What is
    not there needs no mask."""

    chapter = "mounts"
    man = "mount(2)"
    spec = "config-linux.md#masked-paths"
    cures = MOUNT_CURES

    path: str
    origin: str
    data: str = ""  # options of the tmpfs, beside its size

    def describe(self) -> str:
        return f"hide {self.path}"

    def shell(self) -> str:
        path = in_root(self.path)
        directory = f"mount -t tmpfs -o ro,nr_blocks=1,nr_inodes=1 tmpfs {path}"
        file = f"mount --bind --make-private /dev/null {path} && mount -o remount,bind,ro {path}"
        return f"if [ -d {path} ]; then {directory}; elif [ -e {path} ]; then {file}; fi"

    def calls(self) -> tuple[str, ...]:
        options = ",".join(filter(None, ("nr_blocks=1", "nr_inodes=1", self.data)))
        tree = Flags("tree")
        return (
            show_find(self.path),
            mounts.show_mount("tmpfs", PLACE, "tmpfs", MS_RDONLY, options) + "  // on the first directory",
            "tree = " + mounts.show_open_tree(Flags("mask"), "", False) + "  // for each further one; for a file:",
            "null = " + show("open", "/dev/null", files.open_flags(os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)),
            "tree = " + mounts.show_open_tree(Flags("null"), "", False),
            mounts.show_mount_setattr(tree, False, attr_set=MOUNT_ATTR_RDONLY, propagation=MS_PRIVATE),
            mounts.show_move_mount(tree, Flags("place")),
        )

    def effect(self, world: World) -> World:
        return world.covering(self.path)

    def apply(self, context: Context) -> None:
        place = find(context.root, self.path)
        if place is None:
            context.result = NOT_THERE
            return
        try:
            refuse_root(context, place, self.path)
            if stat.S_ISDIR(os.fstat(place).st_mode):
                self.hide_directory(context, place)
            else:
                bind_null(place)
        finally:
            os.close(place)

    def hide_directory(self, context: Context, place: int) -> None:
        """Each file system costs the kernel something, and nothing is ever in this one."""
        if context.mask < 0:
            options = ",".join(filter(None, ("nr_blocks=1", "nr_inodes=1", self.data)))
            mounts.mount("tmpfs", files.by_descriptor(place), "tmpfs", MS_RDONLY, options)
            context.mask = new_mount_on(context, place, self.path)
        else:
            bind_mask(context.mask, place)


def bind_mask(source: int, place: int) -> None:
    tree = mounts.open_tree(source, "", False)
    try:
        mounts.move_mount(tree, place)
    finally:
        os.close(tree)


def refuse_root(context: Context, place: int, path: str) -> None:
    """Other runtimes mask a root below the one that the program sees, which hides nothing."""
    if is_root(context, place):
        raise Refused(f"{path} is the root of the container, and nothing would be left", "mask what lies in it")


def bind_null(place: int) -> None:
    """Bind the host's /dev/null on `place`, once it is certain to be that (CVE-2025-31133)."""
    null = files.open("/dev/null", os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if not files.is_null_device(null):
            raise Refused("the host's /dev/null is not the null device", "mknod -m 666 /dev/null c 1 3")
        tree = mounts.open_tree(null, "", False)
        try:
            # A device can be written all the same, but root inside can't change the host's owner and mode of it. Nobody
            # mounts anything below it, either, so it need not be a slave of the host's /dev, which images can't keep.
            mounts.mount_setattr(tree, False, attr_set=MOUNT_ATTR_RDONLY, propagation=MS_PRIVATE)
            mounts.move_mount(tree, place)
        finally:
            os.close(tree)
    finally:
        os.close(null)


class MakePathReadOnly(Step):
    """Bind a path on itself, read-only, so that a shared kernel interface can be read but not changed."""

    chapter = "mounts"
    man = "mount_setattr(2)"
    spec = "config-linux.md#readonly-paths"
    cures = MOUNT_CURES

    path: str
    origin: str

    def describe(self) -> str:
        return f"make {self.path} read-only"

    def shell(self) -> str:
        path = in_root(self.path)
        return f"if [ -e {path} ]; then mount --rbind {path} {path} && mount -o remount,bind,ro {path}; fi"

    def calls(self) -> tuple[str, ...]:
        tree = Flags("tree")
        return (
            show_find(self.path),
            "tree = " + mounts.show_open_tree(Flags("place"), "", True),
            mounts.show_mount_setattr(tree, True, attr_set=MOUNT_ATTR_RDONLY),
            mounts.show_move_mount(tree, Flags("place")),
        )

    def effect(self, world: World) -> World:
        return world.covering(self.path, self.path)

    def apply(self, context: Context) -> None:
        place = find(context.root, self.path)
        if place is None:
            context.result = NOT_THERE
            return
        try:
            tree = mounts.open_tree(place, "", True)
            try:
                mounts.mount_setattr(tree, True, attr_set=MOUNT_ATTR_RDONLY)
                mounts.move_mount(tree, place)
                renew_root(context, place)
            finally:
                os.close(tree)
        finally:
            os.close(place)
