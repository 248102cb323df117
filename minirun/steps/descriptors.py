"""Which open files reach the program: its standard streams, what was asked for, and nothing else."""

from __future__ import annotations

import fcntl
import os
import stat
from errno import EINVAL, EIO, ENXIO, EPERM

from ..kernel import closing, files, mounts
from ..kernel.constants import AT_FDCWD, MEM_MAJOR, MOUNT_ATTR_RDONLY, PTMX_DEVICE
from ..kernel.libc import Flags, SystemCallError, show
from ..kernel.sockets import is_inherited
from .shell import quoted
from .step import RUNTIME, Context, Refused, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .world import World

NULL = "/dev/null"
OPEN_NULL = os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW | os.O_CLOEXEC


class GuardDevices(Step):
    """Open the host's devices among what the caller hands over anew, on a read-only copy of their mount. They can be
    read and written as before; but root inside could change the owner and mode of the host's /dev/null, or of the
    caller's terminal, for everybody (fchmod(2), fchown(2)).

    A directory as a standard stream can be no more than a mistake, and `..` would lead from it to all of the host's
    files (CVE-2024-21626). From the top of a mount it leads nowhere.

    Before the first namespace is left, because a mount can be copied only where it belongs; and by the runtime, for a
    container's device filter may not allow its processes to open the caller's terminal. Files keep their place, which
    the caller's other programs share with the program, so they are not opened anew.
    """

    runs_in = RUNTIME
    chapter = "process"
    man = "mount_setattr(2)"
    no_shell = "a shell can't open what lies on a mount without a place"

    first: int = 0
    last: int = 2

    def describe(self) -> str:
        numbers = "0, 1 and 2" if (self.first, self.last) == (0, 2) else f"{self.first} to {self.last}"
        return f"keep the host's devices at descriptors {numbers} from being changed"

    def calls(self) -> tuple[str, ...]:
        return (
            "tree = " + mounts.show_open_tree(Flags(str(self.first)), "", False),
            mounts.show_mount_setattr(Flags("tree"), False, attr_set=MOUNT_ATTR_RDONLY),
            "device = " + show("open", "/proc/self/fd/{tree}", Flags("as before")),
            show("dup2", Flags("device"), self.first) + f"  // and the others up to {self.last} alike",
        )

    def apply(self, context: Context) -> None:
        for number in range(self.first, self.last + 1):
            if not is_inherited(number):
                return  # KeepDescriptors says so
            if is_shared_device(number) or (number < 3 and is_directory(number)):
                guard(number)


def is_shared_device(descriptor: int) -> bool:
    """A terminal, or one of those that are the same for all who open them: /dev/null, /dev/zero and their like. Others
    may depend on who has opened them, as the master side of a terminal does."""
    status = os.fstat(descriptor)
    if not stat.S_ISCHR(status.st_mode) or status.st_rdev == PTMX_DEVICE:
        return False
    return os.major(status.st_rdev) == MEM_MAJOR or os.isatty(descriptor)


def is_directory(descriptor: int) -> bool:
    return stat.S_ISDIR(os.fstat(descriptor).st_mode)


def guard(number: int) -> None:
    tree = copy_of_mount(number)
    if tree < 0:
        return
    try:
        mounts.mount_setattr(tree, False, attr_set=MOUNT_ATTR_RDONLY)
        opened = files.open(files.by_descriptor(tree), AS_BEFORE & fcntl.fcntl(number, fcntl.F_GETFL) | WITHOUT_EFFECT)
    except SystemCallError as error:
        if error.errno not in (EIO, ENXIO):
            raise
        return  # a terminal that is gone
    finally:
        os.close(tree)
    fcntl.fcntl(opened, fcntl.F_SETFL, fcntl.fcntl(number, fcntl.F_GETFL))
    os.dup2(opened, number)
    os.close(opened)


AS_BEFORE = os.O_ACCMODE | os.O_APPEND
WITHOUT_EFFECT = os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC  # no waiting for a line's carrier, no controlling terminal


def copy_of_mount(number: int) -> int:
    """Of the mount that a device lies on. A mount of another mount namespace can't be copied (EINVAL): there is a null
    device in this one, too, but no such terminal, and then -1."""
    try:
        return mounts.open_tree(number, "", False)
    except SystemCallError as error:
        if error.errno != EINVAL:
            raise
    tree = mounts.open_tree(AT_FDCWD, NULL, False) if files.is_null_device(number) else -1
    if tree >= 0 and not files.is_null_device(tree):
        os.close(tree)
        return -1
    return tree


class ReopenNull(Step):
    """Give the program the container's /dev/null where its caller gave it the host's: by its name there it can be
    opened again. Where the image has another file in its place, the host's stays (GuardDevices)."""

    chapter = "process"
    man = "null(4)"

    def describe(self) -> str:
        return "open the container's /dev/null in place of the host's"

    def shell(self) -> str:
        return "exec </dev/null"

    def calls(self) -> tuple[str, ...]:
        opened = "null = " + show("open", NULL, files.open_flags(OPEN_NULL))
        return (opened, *(show("dup2", Flags("null"), number) for number in (0, 1, 2)))

    def apply(self, context: Context) -> None:
        hosts = [number for number in (0, 1, 2) if files.is_null_device(number)]
        if not hosts or not has_null():
            return
        try:
            own = files.open(NULL, OPEN_NULL)
        except SystemCallError:
            return  # its mount is nodev
        if files.is_null_device(own):
            for number in hosts:
                os.dup2(own, number)
        os.close(own)


def has_null() -> bool:
    """Whether the container's is one. Another device is not even opened: that alone may have an effect."""
    try:
        place = files.open(NULL, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    except SystemCallError:
        return False
    try:
        return files.is_null_device(place)
    finally:
        os.close(place)


class OwnStdio(Step):
    """Make the program's user the owner of its standard pipes, so that it may open /dev/stdout anew. Files and
    terminals of the host, which stay when the container has ended, keep their owners."""

    chapter = "process"
    man = "pipe(7)"

    uid: int
    origin: str = "/process/user/uid"

    def describe(self) -> str:
        return f"give the pipes at descriptors 0, 1 and 2 to user {self.uid}"

    def shell(self) -> str:
        give = f"chown --silent {self.uid} /proc/self/fd/$fd || :"  # 2> would be descriptor 2 of chown itself
        return f"for fd in 0 1 2; do [ ! -p /proc/self/fd/$fd ] || {give}; done"

    def calls(self) -> tuple[str, ...]:
        return tuple(show("fchown", number, self.uid, -1) for number in (0, 1, 2))

    def apply(self, context: Context) -> None:
        for number in (0, 1, 2):
            try:
                if stat.S_ISFIFO(os.fstat(number).st_mode):
                    os.fchown(number, self.uid, -1)
            except OSError as error:
                if error.errno not in (EINVAL, EPERM):  # the pipe belongs to nobody of this user namespace
                    raise


class KeepDescriptors(Step):
    """Mark every file but 0, 1, 2 and those asked for as close-on-exec: one directory of the host that stays open
    is a way out (CVE-2024-21626)."""

    chapter = "process"
    man = "close_range(2)"
    spec = "runtime-linux.md#file-descriptors"

    preserve: int = 0
    listeners: int = 0  # they come first: sd_listen_fds(3) counts from 3

    @property
    def kept(self) -> int:
        return self.listeners + self.preserve

    def describe(self) -> str:
        return f"mark every file descriptor above {2 + self.kept} as close-on-exec"

    def shell(self) -> str:
        return "exec 3>&- 4>&- …" if not self.kept else f"exec {3 + self.kept}>&- …"

    def calls(self) -> tuple[str, ...]:
        return (show("close_range", 3 + self.kept, Flags("~0"), Flags("CLOSE_RANGE_CLOEXEC")),)

    def effect(self, world: World) -> World:
        return world.become(descriptors=tuple(range(3 + self.preserve + self.listeners)))

    def apply(self, context: Context) -> None:
        for descriptor in range(3, 3 + self.kept):
            if not is_inherited(descriptor):
                asked = f"LISTEN_FDS={self.listeners} and " * bool(self.listeners)
                raise Refused(
                    f"{asked}--preserve-fds {self.preserve}: descriptor {descriptor} is not open", "open it first"
                )
        closing.close_on_exec_from(3 + self.kept)
        context.kept = self.kept


class CloseFiles(Step):
    """Close for good what is only marked so far. The container's processes are about to see this one, and could take a
    file of the host's out of it as long as it is open (pidfd_getfd(2), /proc/PID/fd; CVE-2016-9962). Or it is about to
    wait for `start`, for days perhaps, and as long as it has them, no pipe of the caller's comes to its end, and no
    file system of the host's can be unmounted. What stays is minirun's sockets, the terminal, the files that take a
    label, and where warnings and the words of hooks go."""

    chapter = "process"
    man = "close_range(2)"

    kept: int = 0  # from 3 on

    def describe(self) -> str:
        return f"close every file above {2 + self.kept} that is not needed any more"

    def shell(self) -> str:
        return f"exec {3 + self.kept}>&- …"

    def calls(self) -> tuple[str, ...]:
        return (show("close_range", 3 + self.kept, Flags("socket - 1"), 0) + "  // and so on, between those",)

    def apply(self, context: Context) -> None:
        named = (*context.exec_attributes.values(), *context.hook_output.values())
        start = context.start_socket.fileno() if context.start_socket else -1
        needed = (context.channel.descriptor(), start, context.slave, *named, *context.log.descriptors())
        closing.close_all_but({*range(3 + self.kept), *needed})


class AnnounceListeners(Step):
    """Tell the program of the sockets that systemd, or another service manager, has opened for it. The pid is part of
    it, and known only now."""

    chapter = "process"
    man = "sd_listen_fds(3)"

    number: int
    names: str = ""  # with colons between them

    def describe(self) -> str:
        return f"tell the program of its {self.number} sockets, from descriptor 3 on (LISTEN_FDS)"

    def shell(self) -> str:
        names = f" LISTEN_FDNAMES={quoted(self.names)}" if self.names else ""
        return f"export LISTEN_FDS={self.number} LISTEN_PID=$${names}"

    def calls(self) -> tuple[str, ...]:
        return (show("getpid"),)

    def apply(self, context: Context) -> None:
        context.variables["LISTEN_FDS"] = str(self.number)
        context.variables["LISTEN_PID"] = str(os.getpid())
        if self.names:
            context.variables["LISTEN_FDNAMES"] = self.names
