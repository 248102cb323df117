"""Devices for a user namespace, in which nobody can make any: the host's own, and such as the runtime makes."""

from __future__ import annotations

import os
from errno import ENOENT, ENOTEMPTY, EPERM

from ..kernel import files, mounts
from ..kernel.constants import AT_FDCWD, MOUNT_ATTR_NODEV, MOUNT_ATTR_RDONLY
from ..kernel.libc import Flags, show
from .devices import KINDS, is_device
from .mount_flags import Change
from .mounts import MOUNT_CURES, attach, show_attach
from .shell import in_root, quoted
from .step import RUNTIME, Context, Refused, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .world import World


# A device can be written all the same, but root inside can't change the host's owner and mode of it.
READ_ONLY = Change(attr_set=MOUNT_ATTR_RDONLY)


class BindDevice(Step):
    """Bind the host's device: in a user namespace nobody may make one. It keeps the host's owner and mode."""

    chapter = "devices"
    man = "user_namespaces(7)"
    spec = "config-linux.md#devices"
    cures = {
        **MOUNT_CURES,
        ("open_tree", ENOENT): "the device has to be the host's, at the same path: only root can make another",
    }

    path: str
    type: str
    major: int
    minor: int
    origin: str = ""

    def describe(self) -> str:
        return f"bind the host's device {self.path}"

    def shell(self) -> str:
        place = in_root(self.path)
        make = f"[ -e {place} ] || install -D -m 644 /dev/null {place}"
        return f"{make} && mount --bind {quoted(self.path)} {place} && mount -o remount,bind,ro {place}"

    def calls(self) -> tuple[str, ...]:
        return ("tree = " + mounts.show_open_tree(AT_FDCWD, self.path, False), *show_attach(self.path, (READ_ONLY,)))

    def effect(self, world: World) -> World:
        return world.binding(self.path, self.path, READ_ONLY)

    def apply(self, context: Context) -> None:
        tree = mounts.open_tree(AT_FDCWD, self.path, False)
        try:
            if not is_device(os.fstat(tree), self.type, self.major, self.minor):
                raise Refused(
                    f"{self.path} of the host is not the device {self.type} {self.major}:{self.minor}",
                    "the default devices of a user namespace are the host's",
                )
            attach(context, tree, self.path, (READ_ONLY,))
        finally:
            os.close(tree)


class OpenDevice(Step):
    """Make a device for a user namespace, where nobody may: the runtime makes the node, in the container's books, and
    hands it over as a mount. /run, where the books are, is often mounted `nodev`; this mount of it is not. Owner and
    mode are meant for the container, so the node lies in a directory that no user of the host can enter. (Without a
    name it could not be attached.)
    """

    runs_in = RUNTIME
    chapter = "devices"
    man = "user_namespaces(7)"
    spec = "config-linux.md#devices"
    no_shell = "mount(8) can't hand a mount to a process in another mount namespace"
    cures = {EPERM: "making devices takes CAP_MKNOD in the host's own user namespace"}

    path: str
    type: str
    major: int
    minor: int
    mode: int
    uid: int
    gid: int
    origin: str

    def describe(self) -> str:
        return f"make a device ({self.type} {self.major}:{self.minor}, mode {self.mode:04o}) outside the user namespace"

    def calls(self) -> tuple[str, ...]:
        numbers = Flags(f"makedev({self.major}, {self.minor})")
        kind = {"c": "S_IFCHR", "u": "S_IFCHR", "b": "S_IFBLK", "p": "S_IFIFO"}[self.type]
        return (
            show("mknodat", Flags("AT_FDCWD"), self.path, Flags(f"{kind}|0{self.mode:o}"), numbers),
            show("chown", self.path, self.uid, self.gid),
            show("chmod", self.path, files.octal(self.mode)),
            "tree = " + mounts.show_open_tree(AT_FDCWD, self.path, False),
            mounts.show_mount_setattr(Flags("tree"), False, attr_clr=MOUNT_ATTR_NODEV),
        )

    def apply(self, context: Context) -> None:
        os.makedirs(os.path.dirname(self.path), 0o700, exist_ok=True)
        files.mknodat(AT_FDCWD, self.path, KINDS[self.type] | self.mode, os.makedev(self.major, self.minor))
        os.chown(self.path, self.uid, self.gid)
        os.chmod(self.path, self.mode)  # mknod(2) heeds the umask
        tree = mounts.open_tree(AT_FDCWD, self.path, False)
        context.outgoing.append(tree)
        mounts.mount_setattr(tree, False, attr_clr=MOUNT_ATTR_NODEV)

    def undo(self, context: Context) -> None:
        """The mount keeps the device alive, but a name in the books has to go before them."""
        for remove, path in ((os.unlink, self.path), (os.rmdir, os.path.dirname(self.path))):
            try:
                remove(path)
            except OSError as error:
                if error.errno not in (ENOENT, ENOTEMPTY):  # making it is what failed; there are other devices
                    raise


class AttachDevice(Step):
    """Attach what the runtime has made and handed over."""

    chapter = "devices"
    man = "mount_setattr(2)"
    spec = "config-linux.md#devices"
    no_shell = OpenDevice.no_shell
    cures = MOUNT_CURES

    path: str
    origin: str

    def describe(self) -> str:
        return f"attach the device at {self.path}"

    def calls(self) -> tuple[str, ...]:
        return show_attach(self.path, ())

    def effect(self, world: World) -> World:
        return world.binding(self.path, "a device that was made outside")

    def apply(self, context: Context) -> None:
        tree = context.incoming.pop()
        try:
            attach(context, tree, self.path, ())
        finally:
            os.close(tree)
