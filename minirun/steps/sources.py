"""Where a bind mount's source is looked up by the runtime: the container's root user may not search every directory of
the host, and in a user namespace the container's process is nobody else.

What the runtime finds has to lie in the container's mount namespace, of which alone the container's process may copy
mounts. So it is lent a root directory from there, by descriptor. The copy is made inside then, and what the host has
forbidden (ro, nosuid …) stays so: mount_namespaces(7), "Restrictions on mount namespaces".
"""

from __future__ import annotations

import os
from errno import EACCES, ELOOP, ENOENT, ENOTDIR

from ..kernel import files
from ..kernel.libc import Flags, SystemCallError, show
from .binds import BindMount, copy_source, show_copy
from .mounts import FILE_ON_THE_WAY, MOUNT_CURES, NO_SOURCE
from .step import RUNTIME, Context, Step

ROOT_FLAGS = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
A_DESCRIPTOR = "a shell can't send a descriptor"


class LendRoot(Step):
    """Hand the runtime the directory that a source is looked up in."""

    chapter = "mounts"
    man = "unix(7)"
    spec = "config.md#mounts"
    no_shell = A_DESCRIPTOR

    is_inside: bool  # whether it is the container's root; else the host's, in the container's mount namespace
    origin: str

    def describe(self) -> str:
        whose = "container" if self.is_inside else "host"
        return f"lend the runtime the {whose}'s root directory, with all that is mounted by now"

    def calls(self) -> tuple[str, ...]:
        if self.is_inside:
            return ("lent = " + show("dup", Flags("root")),)
        return ("lent = " + show("open", "/", files.open_flags(ROOT_FLAGS)),)

    def apply(self, context: Context) -> None:
        context.outgoing.append(os.dup(context.root) if self.is_inside else files.open("/", ROOT_FLAGS))


class OpenSource(Step):
    """Open it with the rights of who runs minirun."""

    runs_in = RUNTIME
    chapter = "mounts"
    man = "openat2(2)"
    spec = "config.md#mounts"
    no_shell = A_DESCRIPTOR
    cures = {
        ENOENT: NO_SOURCE,
        ENOTDIR: FILE_ON_THE_WAY,
        EACCES: "every directory on the way must be searchable for who runs minirun",
        ELOOP: "symlinks on the way to the source lead in a circle",
    }

    path: str  # from the root that is lent
    follow: bool
    origin: str
    is_inside: bool = False  # whether that is the container's root

    def describe(self) -> str:
        return f"open {self.path} for the container's process, whose user may not reach it"

    def calls(self) -> tuple[str, ...]:
        return ("source = " + files.show_openat2(Flags("lent"), self.path, self.flags, files.resolve_in_root(True)),)

    @property
    def flags(self) -> int:
        return os.O_PATH | (0 if self.follow else os.O_NOFOLLOW)

    def apply(self, context: Context) -> None:
        lent = context.incoming.pop()
        try:
            context.outgoing.append(files.open_in_root(lent, self.path, self.flags))
        except SystemCallError as error:
            if error.errno != ELOOP or self.is_inside:
                raise  # by a path of the container's, the host's files are not to be had
            # such as /proc/PID/ns/net, which is a way to the namespace, but no path
            context.outgoing.append(files.open(self.path, self.flags | os.O_CLOEXEC))
        finally:
            os.close(lent)


class CopySource(Step):
    """Copy a mount of the container's for the runtime, who maps its owners."""

    chapter = "mounts"
    man = "mount_setattr(2)"
    spec = "config.md#linux-mount-options"
    no_shell = A_DESCRIPTOR
    cures = MOUNT_CURES

    bind: BindMount
    origin: str

    def describe(self) -> str:
        return f"copy the mount at {self.bind.source} for the runtime"

    def calls(self) -> tuple[str, ...]:
        return show_copy(self.bind)

    def apply(self, context: Context) -> None:
        context.outgoing.append(copy_source(context, self.bind))
