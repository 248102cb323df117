"""Namespaces: which of its worlds the container does not share with the host (namespaces(7)).

The container's process leaves or joins them; the runtime, which stays outside, writes what only the outside may write.
"""

from __future__ import annotations

import os
from errno import EACCES, EINVAL, ENOSPC, EPERM

from ..kernel import namespaces, processes
from ..kernel.constants import (
    CLONE_NEWCGROUP,
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWTIME,
    CLONE_NEWUSER,
    CLONE_NEWUTS,
)
from ..kernel.libc import Flags, SystemCallError, show
from .shell import echo, operand
from .step import Context, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .world import World

# The spec's name: the flag, and the option of unshare(1) and nsenter(1).
TYPES = {
    "user": (CLONE_NEWUSER, "--user"),
    "cgroup": (CLONE_NEWCGROUP, "--cgroup"),
    "ipc": (CLONE_NEWIPC, "--ipc"),
    "uts": (CLONE_NEWUTS, "--uts"),
    "network": (CLONE_NEWNET, "--net"),
    "pid": (CLONE_NEWPID, "--pid"),
    "time": (CLONE_NEWTIME, "--time"),
    "mount": (CLONE_NEWNS, "--mount"),
}

PROC_NAMES = {"mount": "mnt", "network": "net"}  # in /proc/PID/ns, where they differ from the spec's


class Unshare(Step):
    """Leave namespaces for new ones. A new user namespace comes alone and first: it will own the others. Pid and time
    namespaces begin with the next child."""

    chapter = "namespaces"
    man = "unshare(2)"
    spec = "config-linux.md#namespaces"
    cures = {
        EPERM: "this takes CAP_SYS_ADMIN, or for a user namespace that the caller is not in a chroot",
        EACCES: "a security module forbids it",
        ENOSPC: "a limit is reached: sysctl user.max_user_namespaces and its sisters (namespaces(7)), or a depth of 32",
        EINVAL: "this kernel lacks one of these namespaces: see ls /proc/self/ns",
    }

    types: tuple[str, ...]
    origin: str = "/linux/namespaces"
    by_user: bool = False  # by a user other than root, whom much may forbid it
    forks: bool = False  # the command forks as well; no step is to come between this one and ForkIntoNamespaces

    def describe(self) -> str:
        return f"enter new namespaces: {', '.join(self.types)}"

    def shell(self) -> str:
        keep = " --keep-caps" if self.types == ("user",) else ""
        tied = " --propagation unchanged" if "mount" in self.types else ""  # else unshare(1) makes all mounts private
        fork = " --fork" if self.forks else ""
        return f'exec unshare{keep}{tied} {" ".join(TYPES[name][1] for name in self.types)}{fork} "$SHELL"'

    def calls(self) -> tuple[str, ...]:
        return (show("unshare", Flags.of(self.flags(), "CLONE_")),)

    def effect(self, world: World) -> World:
        return world.unsharing(self.types)

    def prepare(self) -> None:
        if self.by_user:
            from . import forbidden  # noqa: F401

    def cure(self, error: SystemCallError) -> str:
        if not self.by_user or error.errno == EINVAL:
            return super().cure(error)
        from . import forbidden

        return forbidden.cure() or super().cure(error)

    def apply(self, context: Context) -> None:
        if self.types == ("user",) and os.geteuid() != 0:
            # newuidmap(1) only serves who owns /proc/PID, and that is root as long as the process is closed to
            # tracers; BecomeNamespaceRoot closes it again.
            processes.set_dumpable(True)
        namespaces.unshare(self.flags())

    def flags(self) -> int:
        flags = 0
        for name in self.types:
            flags |= TYPES[name][0]
        return flags


class SetLoopbackUp(Step):
    """A new network namespace has nothing but `lo`, and that is down."""

    chapter = "namespaces"
    man = "netdevice(7)"
    spec = "config-linux.md#namespaces"

    origin: str = "/linux/namespaces"

    def describe(self) -> str:
        return "bring the loopback interface up"

    def shell(self) -> str:
        return "ip link set lo up"

    def calls(self) -> tuple[str, ...]:
        return (
            "control = " + show("socket", Flags("AF_INET"), Flags("SOCK_DGRAM|SOCK_CLOEXEC"), 0),
            show("ioctl", Flags("control"), Flags("SIOCGIFFLAGS"), Flags('{"lo"}')),
            show("ioctl", Flags("control"), Flags("SIOCSIFFLAGS"), Flags('{"lo", IFF_UP}')),
        )

    def prepare(self) -> None:
        from ..kernel import network  # noqa: F401

    def apply(self, context: Context) -> None:
        from ..kernel import network

        network.set_interface_up("lo")


class SetHostname(Step):
    chapter = "namespaces"
    man = "sethostname(2)"
    spec = "config.md#hostname"
    cures = {EINVAL: "at most 64 bytes"}

    name: str
    origin: str = "/hostname"

    def describe(self) -> str:
        return f"set the host name to {self.name}"

    def shell(self) -> str:
        # hostname(1) is choosy. The file takes any name, but belongs to the host's root, not a user namespace's.
        is_plain = self.name.isascii() and self.name.replace("-", "a").replace(".", "a").isalnum()
        if is_plain and not self.name.startswith("-"):
            return f"hostname {self.name}"
        return f"{echo(self.name)} > /proc/sys/kernel/hostname"

    def calls(self) -> tuple[str, ...]:
        return (show("sethostname", self.name, len(self.name.encode())),)

    def effect(self, world: World) -> World:
        return world.become(host_name=self.name)

    def apply(self, context: Context) -> None:
        processes.sethostname(self.name)


class SetDomainname(Step):
    chapter = "namespaces"
    man = "getdomainname(2)"
    spec = "config.md#domainname"
    cures = {EINVAL: "at most 64 bytes"}

    name: str
    origin: str = "/domainname"

    def describe(self) -> str:
        return f"set the NIS domain name to {self.name}"

    def shell(self) -> str:
        return f"domainname {operand(self.name)}"

    def calls(self) -> tuple[str, ...]:
        return (show("setdomainname", self.name, len(self.name.encode())),)

    def effect(self, world: World) -> World:
        return world.become(domain_name=self.name)

    def apply(self, context: Context) -> None:
        processes.setdomainname(self.name)
