"""Kernel settings that belong to one of the container's namespaces (proc_sys(5))."""

from __future__ import annotations

from errno import EACCES, EINVAL, ENOENT, EPERM

from ..kernel import files
from .step import Context, Step


class SetSysctl(Step):
    """Written through the host's /proc, which shows the writer's namespaces, before the container's own is in use:
    that one the image could have covered (CVE-2025-52881)."""

    chapter = "namespaces"
    man = "proc_sys(5)"
    spec = "config-linux.md#sysctl"
    cures = {
        ENOENT: "this kernel has no such setting: see ls /proc/sys",
        EINVAL: "the kernel does not take this value",
        EACCES: "this setting belongs to the host, not to a namespace",
        EPERM: "this setting belongs to the host, not to a namespace",
    }

    key: str
    value: str
    path: str  # below /proc/sys
    origin: str

    def describe(self) -> str:
        return f"set {self.key} to {self.value}"

    def shell(self) -> str:
        return f"sysctl -w {self.key}='{self.value}'"

    def apply(self, context: Context) -> None:
        files.write_file(f"/proc/sys/{self.path}", self.value)
