"""Namespaces that others have made, joined by their paths: a pod's, or for `exec` the container's own."""

from __future__ import annotations

import os
from errno import EACCES, EINVAL, ENOENT, EPERM

from ..kernel import files, namespaces, processes
from ..kernel.libc import Flags, show
from .namespaces import PROC_NAMES, TYPES
from .shell import quoted
from .step import Context, Refused, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .world import World


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
