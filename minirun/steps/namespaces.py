"""Namespaces: which of its worlds the container does not share with the host (namespaces(7)).

The container's process leaves or joins them; the runtime, which stays outside, writes what only the outside may write.
"""

from __future__ import annotations

import os
from errno import EACCES, EAGAIN, EINVAL, ENOENT, ENOSPC, EPERM

from ..kernel import files, namespaces, processes, signals
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
from .shell import echo, operand, quoted
from .step import RUNTIME, Context, Refused, Step

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


class OpenNamespace(Step):
    """Hold a namespace that will be joined, while the host's paths still lead to it."""

    chapter = "namespaces"
    man = "namespaces(7)"
    spec = "config-linux.md#namespaces"
    cures = {
        ENOENT: "the path must exist on the host, such as /proc/PID/ns/net",
        EACCES: "it is another user's, or of a process that is closed to you: only root may join it",
    }

    type: str
    path: str
    changed_by: str  # the property of config.json that changes something in there; "" if none does
    origin: str

    def describe(self) -> str:
        return f"open the {self.type} namespace {self.path}"

    def shell(self) -> str:
        path, own = quoted(self.path), f"/proc/self/ns/{PROC_NAMES.get(self.type, self.type)}"
        hold = f"exec {{{self.type}_ns}}<{path}"
        return f"[ ! {path} -ef {own} ] && {hold}" if self.changed_by else hold

    def calls(self) -> tuple[str, ...]:
        flags = files.open_flags(os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        return (f"{self.type}_ns = " + show("open", self.path, flags),)

    def effect(self, world: World) -> World:
        return world.holding_namespace(self.type, self.path)

    def apply(self, context: Context) -> None:
        descriptor = files.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        context.joined[self.type] = descriptor
        own = os.stat(f"/proc/self/ns/{PROC_NAMES.get(self.type, self.type)}")
        if self.changed_by and os.path.samestat(os.fstat(descriptor), own):
            raise Refused(
                f"this is the host's own {self.type} namespace, and {self.changed_by} would change it for everybody",
                f"leave {self.changed_by} out, or ask for a new {self.type} namespace",
            )


class CheckProcess(Step):
    """See that the pid has been the same process's all the time, so that what its paths in /proc led to is the
    container's: a pid is free again when its process has ended, and then it may be anybody's."""

    chapter = "namespaces"
    man = "proc(5)"

    pid: int
    start_time: int  # as the books have it

    def describe(self) -> str:
        return f"see that process {self.pid} is still the container's"

    def shell(self) -> str:
        return f"test \"$(sed 's/.*) //' /proc/{self.pid}/stat | cut -d' ' -f20)\" = {self.start_time}"

    def calls(self) -> tuple[str, ...]:
        return (show("read", f"/proc/{self.pid}/stat"),)

    def apply(self, context: Context) -> None:
        if processes.stat_fields(self.pid, self.start_time) is None:
            raise Refused("it has just ended, and its pid may be another process's by now")


class JoinNamespace(Step):
    """Enter a namespace that exists. A pid namespace is entered by the children only."""

    chapter = "namespaces"
    man = "setns(2)"
    spec = "config-linux.md#namespaces"
    cures = {
        EINVAL: "the path must name a namespace of this type: see ls -l /proc/PID/ns",
        EPERM: "joining takes CAP_SYS_ADMIN in the user namespace that owns it",
    }

    type: str
    origin: str

    def describe(self) -> str:
        return f"join the {self.type} namespace"

    def shell(self) -> str:
        alone = " --no-fork" * (self.type == "pid")  # there is a step for that
        return f'exec nsenter{alone} {TYPES[self.type][1]}="/proc/self/fd/${self.type}_ns" "$SHELL"'

    def calls(self) -> tuple[str, ...]:
        return (show("setns", Flags(f"{self.type}_ns"), Flags.of(TYPES[self.type][0], "CLONE_")),)

    def effect(self, world: World) -> World:
        return world.joining(self.type)

    def apply(self, context: Context) -> None:
        descriptor = context.joined.pop(self.type)
        namespaces.setns(descriptor, TYPES[self.type][0])
        os.close(descriptor)


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


class WriteTimeOffset(Step):
    """Shift a clock of the new time namespace. The kernel takes it only before the first process is inside."""

    runs_in = RUNTIME
    chapter = "namespaces"
    man = "time_namespaces(7)"
    spec = "config-linux.md#offset-for-time-namespace"
    no_shell = "unshare(1) has to do it, by --monotonic or --boottime: the shell that it starts is inside already"
    cures = {EACCES: "a process is in the time namespace already"}

    clock: str
    secs: int
    nanosecs: int
    origin: str

    def describe(self) -> str:
        return f"shift the {self.clock} clock by {self.secs} s and {self.nanosecs} ns"

    def calls(self) -> tuple[str, ...]:
        return (show("write", "/proc/$pid/timens_offsets", f"{self.clock} {self.secs} {self.nanosecs}\n"),)

    def effect(self, world: World) -> World:
        return world.shifting(self.clock, self.secs, self.nanosecs)

    def apply(self, context: Context) -> None:
        files.write_file(f"/proc/{context.pid}/timens_offsets", f"{self.clock} {self.secs} {self.nanosecs}\n")


class ForkIntoNamespaces(Step):
    """Fork: pid and time namespaces begin with the next child. The child goes on down the list as the container."""

    chapter = "namespaces"
    man = "pid_namespaces(7)"
    spec = "config-linux.md#namespaces"
    cures = {EAGAIN: "a limit on processes is reached: pids.max of a cgroup above, or RLIMIT_NPROC"}

    by_unshare: bool = False  # whether the command of the step before has done it
    origin: str = "/linux/namespaces"
    no_shell = (
        "unshare --fork has done that at once: a shell in between may start a program of its own, which would be "
        "process 1, and with its end the namespace takes no more"
    )

    def describe(self) -> str:
        return "fork into the new pid or time namespace"

    def shell(self) -> str | None:
        return None if self.by_unshare else 'exec unshare --fork "$SHELL"'

    def calls(self) -> tuple[str, ...]:
        return (show("fork"),)

    def effect(self, world: World) -> World:
        return world.forking()

    def apply(self, context: Context) -> None:
        if processes.fork():
            os._exit(0)  # the helper's work is done


class AdoptContainer(Step):
    """Learn the container's pid. The kernel adds it to the message of the new process, as the runtime sees it."""

    runs_in = RUNTIME
    chapter = "namespaces"
    man = "unix(7)"

    def describe(self) -> str:
        return "take on the process that the helper has forked, and note its pid"

    def shell(self) -> str:
        return 'pid=$(< "/proc/$pid/task/$pid/children")'  # unshare --fork waits for it

    def calls(self) -> tuple[str, ...]:
        return ("pidfd = " + show("pidfd_open", Flags("pid"), 0), show("wait4", Flags("helper")))

    def apply(self, context: Context) -> None:
        pidfd = signals.pidfd_open(context.sender)  # where this fails, the helper is still the one to be ended
        os.close(context.pidfd)
        helper, context.pid, context.pidfd = context.pid, context.sender, pidfd
        os.waitpid(helper, 0)
        context.result = f"pid {context.pid}"


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
