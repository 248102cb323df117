"""The container's terminal: a pseudoterminal of its own devpts (pty(7)), whose master side the runtime holds."""

from __future__ import annotations

import os
from errno import ENOENT, ENOSPC

from ..kernel import files, mounts, sockets
from ..kernel.constants import DEVPTS_SUPER_MAGIC, PTMX_DEVICE
from ..kernel.libc import Flags, show
from .mounts import MOUNT_CURES
from .paths import make_file, show_find
from .sockets import SOCKET_CURES
from .step import RUNTIME, Context, Refused, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .world import World


class OpenTerminal(Step):
    """Make the terminal inside, so that its name in /dev/pts is the one that programs find (ttyname(3))."""

    chapter = "devices"
    man = "pty(7)"
    spec = "config.md#process"
    no_shell = "script(1) makes one in the host's /dev/pts"
    cures = {
        ENOENT: "process.terminal needs a devpts file system mounted on /dev/pts",
        ENOSPC: "no pseudoterminal is left: see sysctl kernel.pty.max",
    }

    uid: int
    size: tuple[int, int] | None = None  # rows and columns
    origin: str = "/process/terminal"

    def describe(self) -> str:
        return "make a terminal in the container's /dev/pts"

    def calls(self) -> tuple[str, ...]:
        opened = files.show_openat2(
            Flags("root"), "/dev/pts/ptmx", os.O_RDWR | os.O_NOCTTY, files.resolve_in_root(False)
        )
        flags = files.open_flags(os.O_RDWR | os.O_NOCTTY)
        return (
            f"master = {opened}",
            show("ioctl", Flags("master"), Flags("TIOCSPTLCK"), Flags("{0}")),
            "terminal = " + show("ioctl", Flags("master"), Flags("TIOCGPTPEER"), flags),
            show("fcntl", Flags("terminal"), Flags("F_SETFD"), Flags("FD_CLOEXEC")),
            show("fchown", Flags("terminal"), self.uid, -1),
        )

    def prepare(self) -> None:
        from ..kernel import terminals  # noqa: F401

    def apply(self, context: Context) -> None:
        from ..kernel import terminals

        master = files.open_in_root(context.root, "/dev/pts/ptmx", os.O_RDWR | os.O_NOCTTY, symlinks=False)
        is_ptmx = os.fstat(master).st_rdev == PTMX_DEVICE and files.filesystem_type(master) == DEVPTS_SUPER_MAGIC
        if not is_ptmx:  # CVE-2025-52565: a file of the image in its place
            raise Refused("/dev/pts/ptmx is not a pseudoterminal master", "mount devpts on /dev/pts")
        context.slave = terminals.unlock_and_open_peer(master)
        if self.size:
            terminals.set_size(context.slave, *self.size)
        os.fchown(context.slave, self.uid, -1)
        context.outgoing.append(master)


class TakeTerminal(Step):
    """The other side comes with the turn. It gets its size now, before the program could ask for it: that of the
    caller's, unless process.consoleSize gives one.

    A new terminal ends each line that is written by CR LF (ONLCR), as a screen wants it. Where minirun shows what
    comes, LF is enough, as with other runtimes: a file wants no CR, and the caller's terminal adds its own, unless it
    is in raw mode for output as well (runtime/relay.py).
    """

    runs_in = RUNTIME
    chapter = "devices"
    man = "unix(7)"
    no_shell = "script(1) holds both sides itself"

    is_shown: bool = False
    has_size: bool = False

    def describe(self) -> str:
        return "take over the master side of the terminal"

    def calls(self) -> tuple[str, ...]:
        size = show("ioctl", Flags("master"), Flags("TIOCSWINSZ"), Flags("callers"))
        modes = show("ioctl", Flags("master"), Flags("TCSETS"), Flags("{.c_oflag &= ~ONLCR}"))
        received = "master = " + show("recvmsg", Flags("socket"))
        return (received, *([] if self.has_size else [size]), *([modes] if self.is_shown else []))

    def apply(self, context: Context) -> None:
        from ..kernel import terminals

        context.console = context.incoming.pop()
        context.window = terminals.callers_size()
        if context.window and not self.has_size:
            terminals.set_size(context.console, *context.window)
        if self.is_shown and not terminals.has_one_screen():
            terminals.leave_line_ends(context.console)


class SendTerminal(Step):
    """Somebody else is to hold the master side: it goes to the socket on which an engine listens. minirun holds it as
    well until the set-up is done, since the terminal ends with its last holder, and that one may let it go at once."""

    runs_in = RUNTIME
    chapter = "devices"
    man = "unix(7)"
    no_shell = "a shell can't send a descriptor"
    cures = {**SOCKET_CURES, ENOENT: "--console-socket names a socket on which somebody listens already"}

    path: str

    def describe(self) -> str:
        return f"send the master side of the terminal to {self.path}"

    def calls(self) -> tuple[str, ...]:
        connected = show("connect", Flags("socket"), self.path)
        return (connected, show("sendmsg", Flags("socket"), "/dev/ptmx", Flags("SCM_RIGHTS master")))

    def apply(self, context: Context) -> None:
        sockets.send_descriptor(self.path, context.console, b"/dev/ptmx")


class BindConsole(Step):
    chapter = "devices"
    man = "pts(4)"
    spec = "config-linux.md#default-devices"
    cures = MOUNT_CURES

    origin: str = "/process/terminal"

    def describe(self) -> str:
        return "bind the terminal on /dev/console"

    def shell(self) -> str:
        return 'touch "$rootfs/dev/console" && mount --bind "$(tty)" "$rootfs/dev/console"'

    def calls(self) -> tuple[str, ...]:
        opened = "tree = " + mounts.show_open_tree(Flags("terminal"), "", False)
        return (opened, show_find("/dev/console"), mounts.show_move_mount(Flags("tree"), Flags("place")))

    def effect(self, world: World) -> World:
        return world.binding("/dev/console", "its terminal")

    def apply(self, context: Context) -> None:
        place = make_file(context, "/dev/console")
        tree = mounts.open_tree(context.slave, "", False)
        try:
            mounts.move_mount(tree, place)
        finally:
            os.close(tree)
            os.close(place)


class UseTerminal(Step):
    """Make it the session's controlling terminal and its standard input, output and error."""

    chapter = "process"
    man = "ioctl_tty(2)"
    spec = "config.md#process"

    origin: str = "/process/terminal"

    def describe(self) -> str:
        return "make the terminal the controlling terminal and the standard streams"

    def shell(self) -> str:
        return 'exec setsid --ctty "$SHELL"'

    def calls(self) -> tuple[str, ...]:
        controlling = show("ioctl", Flags("terminal"), Flags("TIOCSCTTY"), 0)
        return (controlling, *(show("dup2", Flags("terminal"), number) for number in (0, 1, 2)))

    def effect(self, world: World) -> World:
        return world.become(has_terminal=True)

    def apply(self, context: Context) -> None:
        from ..kernel import terminals

        terminals.set_controlling_terminal(context.slave)
        for descriptor in (0, 1, 2):
            os.dup2(context.slave, descriptor)
        os.close(context.slave)
