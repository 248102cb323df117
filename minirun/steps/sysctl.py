"""Kernel settings that belong to one of the container's namespaces (proc(5))."""

from __future__ import annotations

import os
from errno import EACCES, EINVAL, ELOOP, ENOENT, EPERM, EXDEV

from ..kernel import files
from ..kernel.constants import PROC_SUPER_MAGIC, RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, RESOLVE_NO_XDEV
from ..kernel.libc import show
from .shell import echo, quoted
from .step import Context, Refused, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .world import World

HOSTS = (
    "this setting belongs to the host, not to a namespace, or only the host's root may write it; "
    "for kernel.domainname there is the property domainname"
)
COVERED = "somebody has covered this part of /proc in the mount namespace: join another one, or none"


class SetSysctl(Step):
    """Written through the /proc from before the root changes, which shows the writer's namespaces. The container's own
    could have been covered by the image, and that of a mount namespace which is joined, in part or whole, by those who
    live there (CVE-2025-52881)."""

    chapter = "namespaces"
    man = "proc(5)"
    spec = "config-linux.md#sysctl"
    cures = {
        ENOENT: "this kernel has no such setting: see ls /proc/sys",
        EINVAL: "the kernel does not take this value",
        EACCES: HOSTS,
        EPERM: HOSTS,
        ELOOP: COVERED,
        EXDEV: COVERED,
    }

    key: str
    value: str
    path: str  # below /proc/sys
    origin: str
    joined: bool = False  # /proc is that of a mount namespace which others have made

    def describe(self) -> str:
        return f"set {self.key} to {self.value}"

    def shell(self) -> str:
        return f"{echo(self.value)} > {quoted('/proc/sys/' + self.path)}"

    def calls(self) -> tuple[str, ...]:
        return (show("write", f"/proc/sys/{self.path}", self.value),)

    def effect(self, world: World) -> World:
        return world.replace(sysctl={**world.sysctl, self.key: self.value})

    def apply(self, context: Context) -> None:
        proc = files.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if files.filesystem_type(proc) != PROC_SUPER_MAGIC:
                raise Refused("/proc is no proc file system here", "join another mount namespace, or none")
            self.write(files.openat2(proc, f"sys/{self.path}", os.O_WRONLY, self.resolve()))
        finally:
            os.close(proc)

    def resolve(self) -> int:
        """In a container of somebody's, /proc/sys/net may be a mount of its own, and rightly so."""
        return RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | (RESOLVE_NO_XDEV if self.joined else 0)

    def write(self, setting: int) -> None:
        try:
            files.write(setting, f"/proc/sys/{self.path}", self.value)
        finally:
            os.close(setting)
