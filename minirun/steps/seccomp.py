"""Which system calls the container may make: seccomp(2).

    runtime                        the container's process
    CompileFilter                                               before the fork, since libseccomp is the host's
                                   LoadFilter                   from here on, the filter holds for minirun, too
    SendListener  ◄── listener ──                               only if somebody is to decide about calls

Loading takes CAP_SYS_ADMIN or no_new_privs, so that no filter can mislead a set-user-id program. Without
noNewPrivileges that capability stays until then (filter_rights.py). Profiles know the calls of their
time, so whatever comes after the filter makes few, and none that is new; between LoadFilter and SendListener it makes
none at all, since there is nobody yet who could answer for it.
"""

from __future__ import annotations

import os
from errno import EACCES, EBUSY, EDOM, EINVAL, ELIBACC, ENOENT

from .. import quick_json
from ..kernel import seccomp
from ..kernel.libc import Flags, show
from ..kernel.seccomp import INSTRUCTION_SIZE
from ..kernel.sockets import send_descriptor
from ..safe import safe
from .sockets import SOCKET_CURES
from .step import RUNTIME, Context, Refused, Step
from .syscall_filter import Rule, action_name, lets_through, names_of, program, unknown_names
from .told import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .world import World


class CompileFilter(Step):
    """Have libseccomp make a program of the rules. The container's process gets it by the fork."""

    runs_in = RUNTIME
    chapter = "filters"
    man = "seccomp_init(3)"
    spec = "config-linux.md#seccomp"
    no_shell = "systemd-run(1) has SystemCallFilter=, in a language of its own"
    no_calls = "libseccomp makes the program in memory"
    cures = {
        ELIBACC: "install libseccomp: on Debian and Ubuntu, apt-get install libseccomp2",
        EDOM: "an architecture of the other byte order can't run on this machine: leave it out",
    }

    default: int
    architectures: tuple[str, ...]
    rules: tuple[Rule, ...]
    origin: str = "/linux/seccomp"
    fails_on_unknown: bool = False

    def describe(self) -> str:
        calls = f"{len(self.rules)} rules for {len(names_of(self.rules))} calls" if self.rules else "no rules"
        return f"compile the system call filter (default {action_name(self.default)}, {calls})"

    def apply(self, context: Context) -> None:
        context.filter = program(self.default, self.architectures, self.rules)
        unknown = unknown_names(self.rules)
        if unknown and self.fails_on_unknown:
            raise Refused(f"libseccomp does not know {safe(', '.join(unknown))}", NO_UNKNOWN)
        if unknown and lets_through(self.default):  # else they are refused like everything that has no rule
            context.log.warning(
                f"{self.origin}/syscalls: libseccomp does not know {safe(', '.join(unknown))}: these go unfiltered"
            )


NO_UNKNOWN = "leave these names out, or the annotation run.oci.seccomp_fail_unknown_syscall"


class TakeFilter(Step):
    """Take a filter that is compiled already: somebody has made it by other means than libseccomp's rules."""

    runs_in = RUNTIME
    chapter = "filters"
    man = "seccomp(2)"
    no_shell = "a shell can't load a filter"
    no_calls = "the program is in config.json"

    program: bytes
    origin: str

    def describe(self) -> str:
        return f"take the system call filter as it is, {len(self.program) // INSTRUCTION_SIZE} instructions"

    def apply(self, context: Context) -> None:
        context.filter = self.program


class LoadFilter(Step):
    """From here on the kernel asks the filter about every call. It can't be taken back, and children inherit it."""

    chapter = "filters"
    man = "seccomp(2)"
    spec = "config-linux.md#seccomp"
    no_shell = "a shell has no such command, and would have to live with the filter itself"
    cures = {
        EACCES: "without noNewPrivileges this takes CAP_SYS_ADMIN: set noNewPrivileges",
        EINVAL: "the kernel needs CONFIG_SECCOMP_FILTER, and has to know the actions and flags (seccomp(2))",
        EBUSY: "somebody listens to this process already: of nested containers only one may use SCMP_ACT_NOTIFY",
    }

    flags: int
    origin: str = "/linux/seccomp"

    def describe(self) -> str:
        return "load the system call filter" + (", with a listener" if seccomp.has_listener(self.flags) else "")

    def calls(self) -> tuple[str, ...]:
        flags = Flags.of(self.flags, "SECCOMP_FILTER_FLAG_")
        return (show("seccomp", Flags("SECCOMP_SET_MODE_FILTER"), flags, Flags("program")),)

    def effect(self, world: World) -> World:
        return world.become(filters=world.process.filters + 1)

    def apply(self, context: Context) -> None:
        listener = seccomp.set_mode_filter(context.filter, self.flags)
        context.is_filtered = True
        if seccomp.has_listener(self.flags):
            context.outgoing.append(listener)


class SendListener(Step):
    """Hand the listener to the program that decides about the calls of SCMP_ACT_NOTIFY (seccomp_unotify(2))."""

    runs_in = RUNTIME
    chapter = "filters"
    man = "unix(7)"
    spec = "config-linux.md#the-container-process-state"
    no_shell = "a shell can't send a descriptor"
    cures = {
        **SOCKET_CURES,
        ENOENT: "the program that is to decide about the calls has to listen there first",
    }

    path: str
    metadata: str | None
    state: State
    status: str  # of the container at that moment
    origin: str = "/linux/seccomp/listenerPath"

    @property
    def known_as(self) -> str:
        return "failed to connect with seccomp agent"

    def describe(self) -> str:
        return f"send the listener of the system call filter to {self.path}"

    def calls(self) -> tuple[str, ...]:
        connected = show("connect", Flags("socket"), self.path)
        return (connected, show("sendmsg", Flags("socket"), Flags("state"), Flags("SCM_RIGHTS listener")))

    def apply(self, context: Context) -> None:
        listener = context.incoming.pop()
        try:
            send_descriptor(self.path, listener, self.message(context.pid))
        finally:
            os.close(listener)  # once the last copy is closed, calls are answered with ENOSYS

    def message(self, pid: int) -> bytes:
        """The container process state."""
        state = self.state.members(self.status, pid)
        told: dict[str, object] = {"ociVersion": self.state.oci_version, "fds": ["seccompFd"], "pid": pid}
        told["state"] = state
        if self.metadata is not None:
            told["metadata"] = self.metadata
        return quick_json.dumps(told).encode()
