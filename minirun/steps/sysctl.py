"""Kernel settings that belong to one of the container's namespaces (proc(5))."""

from __future__ import annotations

import os
from errno import EACCES, EINVAL, ENOENT, EPERM

from ..kernel import files
from ..kernel.constants import PROC_SUPER_MAGIC
from ..kernel.libc import show
from .shell import echo, quoted
from .step import Context, Refused, Step

HOSTS = (
    "this setting belongs to the host, not to a namespace, or only the host's root may write it; "
    "for kernel.domainname there is the property domainname"
)


class SetSysctl(Step):
    """Written through the /proc from before the root changes, which shows the writer's namespaces. The container's own
    could have been covered by the image (CVE-2025-52881)."""

    chapter = "namespaces"
    man = "proc(5)"
    spec = "config-linux.md#sysctl"
    cures = {
        ENOENT: "this kernel has no such setting: see ls /proc/sys",
        EINVAL: "the kernel does not take this value",
        EACCES: HOSTS,
        EPERM: HOSTS,
    }

    key: str
    value: str
    path: str  # below /proc/sys
    origin: str

    def describe(self) -> str:
        return f"set {self.key} to {self.value}"

    def shell(self) -> str:
        return f"{echo(self.value)} > {quoted('/proc/sys/' + self.path)}"

    def calls(self) -> tuple[str, ...]:
        return (show("write", f"/proc/sys/{self.path}", self.value),)

    def apply(self, context: Context) -> None:
        descriptor = files.open("/proc/sys", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if files.filesystem_type(descriptor) != PROC_SUPER_MAGIC:  # in a mount namespace that was joined
                raise Refused("/proc is no proc file system here", "join another mount namespace, or none")
            files.write_file(f"/proc/sys/{self.path}", self.value)
        finally:
            os.close(descriptor)
