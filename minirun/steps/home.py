"""Where the program begins: its working directory, and its HOME."""

from __future__ import annotations

import os
import stat
from errno import EACCES, ELOOP, ENOTDIR

from ..kernel import files
from ..kernel.libc import show
from ..safe import safe
from .paths import make, make_subdirectory, of_kind, show_find
from .shell import in_root, quoted
from .step import Context, Refused, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .world import World


PASSWD_SIZE = 1 << 20  # bytes: no image has so many users


class MakeWorkingDirectory(Step):
    """Make the working directory where it is missing, while the root file system can still be written."""

    chapter = "mounts"
    man = "mkdir(2)"
    spec = "config.md#process"
    cures = {ELOOP: "cwd must not lead through the links of /proc/PID (CVE-2024-21626)"}

    path: str
    origin: str = "/process/cwd"

    def describe(self) -> str:
        return f"make sure that the directory {self.path} exists"

    def shell(self) -> str:
        return f"mkdir -p {in_root(self.path)}"

    def calls(self) -> tuple[str, ...]:
        return (show_find(self.path),)

    def apply(self, context: Context) -> None:
        def make_and_tell(parent: int, name: str) -> None:
            make_subdirectory(parent, name)
            context.result = "was not there: made"
            context.log.remark(f"{self.origin}: {safe(self.path)} is not in the image: made, empty and root's")

        os.close(of_kind(make(context, self.path, make_and_tell, True), self.path, is_directory=True))


class ChangeDirectory(Step):
    """Enter the working directory, and make sure that it lies inside the container (CVE-2024-21626)."""

    chapter = "process"
    man = "chdir(2)"
    spec = "config.md#process"
    cures = {
        ENOTDIR: "cwd must be a directory in the container",
        EACCES: "not even root may enter it, as on some network file systems",
    }

    path: str
    origin: str = "/process/cwd"

    def describe(self) -> str:
        return f"change to the directory {self.path}"

    def shell(self) -> str:
        return f"cd {quoted(self.path)}"

    def calls(self) -> tuple[str, ...]:
        return (show("chdir", self.path), show("getcwd"))

    def effect(self, world: World) -> World:
        return world.become(directory=self.path)

    def apply(self, context: Context) -> None:
        files.chdir(self.path)
        if not files.getcwd().startswith(b"/"):
            raise Refused(f"{self.path} leads out of the container", "name a directory of the container")


class FindHome(Step):
    """Where the environment has no HOME, it is the user's of the container's own /etc/passwd, as shells expect."""

    chapter = "process"
    man = "passwd(5)"

    uid: int
    origin: str = "/process/env"

    def describe(self) -> str:
        return f"look up the home directory of user {self.uid} in the container's /etc/passwd"

    def shell(self) -> str:
        lookup = f'while IFS=: read -r _ _ uid _ _ home _; do [ "$uid" != {self.uid} ] || HOME=${{home:-/}}; done'
        return f"export HOME=/; if [ -f /etc/passwd ]; then {lookup} < /etc/passwd; fi"

    def calls(self) -> tuple[str, ...]:
        return (
            show("open", "/etc/passwd", files.open_flags(os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)),
        )

    def apply(self, context: Context) -> None:
        rows = [line.split(":") for line in read_passwd().splitlines()]
        home = next((row[5] for row in rows if len(row) >= 6 and row[2] == str(self.uid)), "")
        context.variables["HOME"] = home or "/"
        context.result = f"HOME={home}" if home else "not there: HOME=/"


def read_passwd() -> str:
    """The container's /etc/passwd; "" if there is none. It is the image's: it may be a FIFO that nobody writes to, a
    device without an end, or one for which opening is a deed, such as a watchdog."""
    try:
        if not stat.S_ISREG(os.stat("/etc/passwd").st_mode):
            return ""
        descriptor = os.open("/etc/passwd", os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)  # it may be another by now
            return os.read(descriptor, PASSWD_SIZE).decode(errors="replace") if is_file else ""
        finally:
            os.close(descriptor)
    except OSError:
        return ""
