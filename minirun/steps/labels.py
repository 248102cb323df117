"""Labels of the security modules: the program's (AppArmor, SELinux), and that of the mounts (SELinux only).

A program gets its label with execve(2), if the file `exec` in /proc/self/attr was told of it before
(Documentation/admin-guide/LSM/index.rst of the kernel). That is done late, so that the label holds for the program and
for nothing that minirun starts before; but the file is opened early. For the container's own /proc belongs to the
image: what looks like this file there may be none, and the program would run without its label (CVE-2019-16884,
CVE-2023-28642), or be another one that takes the label for something else (CVE-2025-52881).
"""

from __future__ import annotations

import os
from errno import EACCES, EINVAL, ENOENT, EOPNOTSUPP, EPERM

from ..kernel import files
from ..kernel.constants import PROC_SUPER_MAGIC, RESOLVE_BENEATH, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_XDEV, SELINUX_MAGIC
from ..kernel.libc import Flags, SystemCallError, show
from .keyring import open_first
from .paths import PLACE, find, show_find
from .shell import in_root, quoted
from .step import RUNTIME, Context, Refused, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .world import World

APPARMOR, SELINUX = "AppArmor", "SELinux"
APPARMOR_ENABLED = "/sys/module/apparmor/parameters/enabled"
SELINUXFS = "/sys/fs/selinux"
CURES = {
    APPARMOR: "boot with apparmor=1 security=apparmor, or leave the profile out",
    SELINUX: "boot with selinux=1 security=selinux, or leave the label out",
}

# In /proc/self/attr. Modules used to share one file there, and what that takes is up to the one that is on.
ATTRIBUTES = {APPARMOR: ("apparmor/exec", "exec"), SELINUX: ("exec",)}


class RequireSecurityModule(Step):
    """A label that nobody looks at protects nothing."""

    runs_in = RUNTIME
    chapter = "identity"
    man = "proc(5)"
    spec = "runtime.md#create"

    module: str
    origin: str

    def describe(self) -> str:
        return f"see that {self.module} is on"

    def shell(self) -> str:
        return f"grep -q Y {APPARMOR_ENABLED}" if self.module == APPARMOR else f"mountpoint {SELINUXFS}"

    def calls(self) -> tuple[str, ...]:
        return (show("read", APPARMOR_ENABLED if self.module == APPARMOR else "/proc/self/attr/current"),)

    def apply(self, context: Context) -> None:
        if not IS_ON[self.module]():
            raise Refused(f"{self.module} is not on in this kernel", CURES[self.module])


def apparmor_is_on() -> bool:
    try:
        return files.read_file(APPARMOR_ENABLED).startswith("Y")
    except SystemCallError:
        return False


def selinux_is_on() -> bool:
    """Whoever switches SELinux on mounts its file system and loads a policy. Until then every process is "kernel", and
    the kernel takes any label without a word."""
    try:
        place = files.open(SELINUXFS, os.O_PATH | os.O_CLOEXEC)
    except SystemCallError:
        return False
    try:
        mounted = files.filesystem_type(place) & 0xFFFFFFFF == SELINUX_MAGIC  # a long is signed
        return mounted and files.read_file("/proc/self/attr/current").strip("\0\n") != "kernel"
    finally:
        os.close(place)


IS_ON = {APPARMOR: apparmor_is_on, SELINUX: selinux_is_on}


class HoldProc(Step):
    """The mount namespace of a running container has its own /proc, which the container may have changed by now."""

    chapter = "identity"
    man = "proc(5)"
    spec = "config.md#linux-process"

    origin: str

    def describe(self) -> str:
        return "hold the host's /proc"

    def shell(self) -> str:
        return "exec {proc}</proc"

    def calls(self) -> tuple[str, ...]:
        return ("proc = " + show("open", "/proc", files.open_flags(os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)),)

    def apply(self, context: Context) -> None:
        context.proc = files.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


class OpenExecAttribute(Step):
    """Open the file in the /proc from before the root changes. This process can write to it until it is the program."""

    chapter = "identity"
    man = "proc(5)"
    spec = "config.md#linux-process"

    module: str
    origin: str

    def describe(self) -> str:
        return f"open the file that takes the program's {self.module} label"

    def shell(self) -> str:
        return f"exec {{attribute}}>/proc/self/attr/{ATTRIBUTES[self.module][0]}"

    def calls(self) -> tuple[str, ...]:
        file = f"self/attr/{ATTRIBUTES[self.module][0]}"
        resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS
        return ("attribute = " + files.show_openat2(Flags("proc"), file, os.O_WRONLY, resolve),)

    def apply(self, context: Context) -> None:
        held = context.proc if context.proc >= 0 else None
        proc = files.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC) if held is None else os.dup(held)
        try:
            if files.filesystem_type(proc) != PROC_SUPER_MAGIC:  # in a mount namespace that was joined
                raise Refused("/proc is no proc file system here", "join another mount namespace, or none")
            context.exec_attributes[self.module] = open_first(proc, ATTRIBUTES[self.module])
        finally:
            os.close(proc)


class SetExecLabel(Step):
    """The kernel looks at the label now, and puts it on with execve(2)."""

    chapter = "identity"
    man = "proc(5)"
    spec = "config.md#linux-process"

    module: str
    label: str
    origin: str

    def describe(self) -> str:
        return f"give the program the {self.module} label {self.label}"

    def shell(self) -> str:
        if self.module == APPARMOR:
            return f'exec aa-exec -p {quoted(self.label)} "$SHELL"'
        return f'exec runcon {quoted(self.label)} "$SHELL"'

    def calls(self) -> tuple[str, ...]:
        return (show("write", f"/proc/self/attr/{ATTRIBUTES[self.module][0]}", self.text()),)

    def effect(self, world: World) -> World:
        return world.become(label=self.label)

    def apply(self, context: Context) -> None:
        descriptor = context.exec_attributes.pop(self.module)
        try:
            files.write(descriptor, "/proc/self/attr/…/exec", self.text())
        finally:
            os.close(descriptor)

    def text(self) -> str:
        """aa_change_onexec(2) writes a command; setexeccon(3) writes just the label."""
        return f"exec {self.label}" if self.module == APPARMOR else self.label

    def cure(self, error: SystemCallError) -> str:
        if error.errno in (ENOENT, EINVAL) and self.module == APPARMOR:
            return "load the profile first (apparmor_parser); /sys/kernel/security/apparmor/profiles lists those loaded"
        if error.errno == EINVAL:
            return "the loaded policy does not know this label: see seinfo -t, and seinfo -u"
        if error.errno in (EACCES, EPERM):
            return f"the present {self.module} label of minirun does not allow this change"
        return ""


class LabelMount(Step):
    """Label the root of a file system that the kernel has made before: it takes no label when it is mounted."""

    chapter = "mounts"
    man = "setxattr(2)"
    spec = "config-linux.md#mount-label"
    cures = {EOPNOTSUPP: "the policy does not let this file system have labels", EINVAL: "the policy has no such label"}

    destination: str
    label: str
    origin: str = "/linux/mountLabel"

    def describe(self) -> str:
        return f"label the mount on {self.destination} with {self.label}"

    def shell(self) -> str:
        return f"chcon {quoted(self.label)} {in_root(self.destination)}"

    def calls(self) -> tuple[str, ...]:
        return (show_find(self.destination), show("setxattr", PLACE, "security.selinux", self.label))

    def apply(self, context: Context) -> None:
        mounted = find(context.root, self.destination)
        if mounted is None:
            raise Refused(f"{self.destination} is gone", "")
        try:
            files.set_xattr(files.by_descriptor(mounted), "security.selinux", self.label)
        finally:
            os.close(mounted)
