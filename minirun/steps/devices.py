"""Device nodes and the symlinks of /dev (config-linux.md#default-devices)."""

from __future__ import annotations

import os
import stat
from errno import EEXIST, EINVAL, EPERM

from ..kernel import files
from ..kernel.constants import PTMX_DEVICE
from ..kernel.libc import Flags, SystemCallError, show
from .paths import PLACE_CURES, is_hosts, is_new, is_there, make_parent, refuse_hosts, show_find, status_in
from .shell import in_root, quoted
from .step import Context, Refused, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .world import World

KINDS = {"c": stat.S_IFCHR, "u": stat.S_IFCHR, "b": stat.S_IFBLK, "p": stat.S_IFIFO}


class MakeDevice(Step):
    chapter = "devices"
    man = "mknod(2)"
    spec = "config-linux.md#devices"
    cures = {
        **PLACE_CURES,
        EPERM: "making devices takes CAP_MKNOD in the host's own user namespace",
        EINVAL: "in a user namespace the owner's ids must be mapped: see /linux/uidMappings and /linux/gidMappings",
    }

    path: str
    type: str
    major: int
    minor: int
    mode: int
    uid: int = 0
    gid: int = 0
    origin: str = ""

    def describe(self) -> str:
        numbers = "" if self.type == "p" else f" {self.major}:{self.minor}"
        return f"make the device {self.path} ({self.type}{numbers}, mode {self.mode:04o})"

    def shell(self) -> str:
        numbers = "" if self.type == "p" else f" {self.major} {self.minor}"
        command = f"mknod -m {self.mode:04o} {in_root(self.path)} {self.type}{numbers}"
        return command + (f" && chown {self.uid}:{self.gid} {in_root(self.path)}" if self.uid or self.gid else "")

    def calls(self) -> tuple[str, ...]:
        parent, _, name = self.path.rpartition("/")
        kind = {"c": "S_IFCHR", "u": "S_IFCHR", "b": "S_IFBLK", "p": "S_IFIFO"}[self.type]
        numbers = Flags(f"makedev({self.major}, {self.minor})")
        node = "/proc/self/fd/{node}"
        return (
            show_find(parent or "/", name="parent"),
            show("mknodat", Flags("parent"), name, Flags(f"{kind}|0{self.mode:o}"), numbers),
            "node = "
            + show("openat", Flags("parent"), name, files.open_flags(os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)),
            show("chown", node, self.uid, self.gid),
            show("chmod", node, files.octal(self.mode)),
        )

    def effect(self, world: World) -> World:
        return world.making(self.path)

    def apply(self, context: Context) -> None:
        parent, name = make_parent(context, self.path)
        try:
            made = self.make(context, parent, name)
            if context.result == NOT_OURS:
                return
            node = files.openat(parent, name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                self.check(node)
                if made:
                    # Whatever name the node has by now, this is the node (no chown after a swap).
                    os.chown(files.by_descriptor(node), self.uid, self.gid)
                    os.chmod(files.by_descriptor(node), self.mode)
            finally:
                os.close(node)
        finally:
            os.close(parent)

    def make(self, context: Context, parent: int, name: str) -> bool:
        """Make the node; False where something of this name is there already, or nothing is to be made."""
        if status_in(parent, name) or not is_for_nodes(context, parent, self.path):
            return False
        try:
            files.mknodat(parent, name, KINDS[self.type] | self.mode, os.makedev(self.major, self.minor))
        except SystemCallError as error:
            if error.errno != EEXIST:
                raise
            return False
        return True

    def check(self, node: int) -> None:
        """What stands at the path must be this device: the spec asks for an error where it is another file."""
        if not is_device(os.fstat(node), self.type, self.major, self.minor):
            raise Refused(
                f"{self.path} exists in the root file system and is not this device",
                "remove it from the root file system, or mount a tmpfs on /dev",
            )


NOT_OURS = "not made: this /dev comes from outside"  # the result of a step then


def is_for_nodes(context: Context, parent: int, path: str) -> bool:
    """Whether a node may be made there. Not in a /dev that config.json has bound, by whatever name, or that lay below
    the root before: it is the host's, or another container's. Raises Refused where the whole root is the host's."""
    refuse_hosts(context, parent, path)
    of_root = is_new(context, parent) or files.mount_id(parent) == files.mount_id(context.root)
    if not of_root and path.startswith("/dev/"):
        context.result = NOT_OURS
        return False
    return True


def is_device(status: os.stat_result, kind: str, major: int, minor: int) -> bool:
    same_kind = stat.S_IFMT(status.st_mode) == KINDS[kind]
    return same_kind and (kind == "p" or status.st_rdev == os.makedev(major, minor))


class MakeSymlink(Step):
    """A symlink of /dev, where what it leads to exists (`needs`, "" if that does not matter)."""

    chapter = "devices"
    man = "symlink(2)"
    spec = "runtime-linux.md#dev-symbolic-links"
    cures = PLACE_CURES

    path: str
    target: str
    needs: str = ""
    replace_existing: bool = False
    origin: str = ""
    is_asked_for: bool = True  # by the specification; what is only usual is left out where nothing may be made

    def describe(self) -> str:
        return f"make {self.path} a symlink to {self.target}"

    def shell(self) -> str:
        only_if = f"[ ! -e {in_root(self.needs)} ] || " if self.needs else ""
        return f"{only_if}ln -s{'f' if self.replace_existing else ''} {quoted(self.target)} {in_root(self.path)}"

    def calls(self) -> tuple[str, ...]:
        parent, _, name = self.path.rpartition("/")
        return (show_find(parent or "/", name="parent"), show("symlinkat", self.target, Flags("parent"), name))

    def effect(self, world: World) -> World:
        return world if self.needs else world.making(self.path)

    def apply(self, context: Context) -> None:
        if self.needs and not is_there(context, self.needs):
            context.result = f"not made: {self.needs} is not there"
            return
        parent, name = make_parent(context, self.path)
        try:
            if self.is_to_be_made(context, parent, name):
                files.symlinkat(self.target, parent, name)
        except SystemCallError as error:
            if error.errno != EEXIST:
                raise
        finally:
            os.close(parent)

    def is_to_be_made(self, context: Context, parent: int, name: str) -> bool:
        """What is there is looked at first, and goes only from a file system that is the container's own."""
        there = status_in(parent, name)
        if there is None:
            return (self.is_asked_for or not is_hosts(context, parent)) and is_for_nodes(context, parent, self.path)
        if not self.replace_existing or self.is_as_good(there, parent, name):
            return False
        if not is_new(context, parent):
            raise Refused(
                f"{self.path} exists in the root file system and is something else",
                "remove it from the root file system, or mount a tmpfs on /dev",
            )
        os.unlink(name, dir_fd=parent)
        return True

    def is_as_good(self, there: os.stat_result, parent: int, name: str) -> bool:
        """The same symlink, or the device that it would lead to, which looks for the devpts beside it (pts(4))."""
        if stat.S_ISLNK(there.st_mode):
            return os.path.join(os.path.dirname(self.path), os.readlink(name, dir_fd=parent)) == os.path.join(
                os.path.dirname(self.path), self.target
            )
        return stat.S_ISCHR(there.st_mode) and there.st_rdev == PTMX_DEVICE
