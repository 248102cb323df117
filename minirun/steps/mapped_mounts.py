"""Bind mounts whose files have other owners inside than outside (mount_setattr(2), "ID-mapped mounts").

The kernel lets only those map a mount who rule over its file system: so the runtime makes it, unattached, and hands it
to the container's process, which attaches it. That also finds sources that the container's root may not search for.
"""

from __future__ import annotations

import os
from errno import EINVAL, EPERM

from ..kernel import files, mounts, namespaces
from ..kernel.constants import AT_FDCWD, MOUNT_ATTR_IDMAP
from ..kernel.libc import Flags, SystemCallError
from .mount_flags import Change
from .mounts import MOUNT_CURES, attach, show_attach
from .step import RUNTIME, Context, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .world import World

Ranges = tuple[tuple[int, int, int], ...]  # id on the file system, id in the mount, how many


class OpenMappedMount(Step):
    """Without ranges of its own the mount takes those of the container's user namespace."""

    runs_in = RUNTIME
    chapter = "mounts"
    man = "mount_setattr(2)"
    spec = "config.md#linux-mount-options"
    no_shell = "mount(8) has the option X-mount.idmap since util-linux 2.39, and Debian 12 has 2.38"
    cures = {
        **MOUNT_CURES,
        EPERM: "mapping owners takes CAP_SYS_ADMIN in the user namespace that the file system was mounted in",
    }

    source: str
    recursive: bool  # with the mounts below it
    mapped_below: bool  # which are mapped as well
    uids: Ranges
    gids: Ranges
    propagation: int  # what keeps mounts inside from the host; 0 where config.json wants them shared
    origin: str
    is_copied: bool = False  # by the container's process, since it is a mount of the container's (sources.py)

    def describe(self) -> str:
        below = " and on all mounts below" if self.mapped_below else ""
        if not self.uids:
            return f"map the owners on {self.source}{below} by the container's user namespace"
        return f"map the owners on {self.source}{below}: uids {told(self.uids)}; gids {told(self.gids)}"

    def calls(self) -> tuple[str, ...]:
        tree = Flags("tree")
        own = mounts.show_mount_setattr(tree, True, propagation=self.propagation)
        opened = "tree = " + mounts.show_open_tree(AT_FDCWD, self.source, self.recursive)
        return (
            *([] if self.is_copied else [opened]),
            *([own] if self.propagation else []),
            mounts.show_mount_setattr(tree, self.mapped_below, attr_set=MOUNT_ATTR_IDMAP),
        )

    def apply(self, context: Context) -> None:
        tree = self.open(context)
        try:
            if self.propagation:
                mounts.mount_setattr(tree, True, propagation=self.propagation)
            self.map_owners(context, tree)
        except BaseException:
            os.close(tree)
            raise
        context.outgoing.append(tree)

    def open(self, context: Context) -> int:
        return context.incoming.pop() if self.is_copied else mounts.open_tree(AT_FDCWD, self.source, self.recursive)

    def map_owners(self, context: Context, tree: int) -> None:
        namespace = self.open_namespace(context)
        try:
            mounts.mount_setattr(tree, self.mapped_below, attr_set=MOUNT_ATTR_IDMAP, userns=namespace)
        finally:
            os.close(namespace)

    def open_namespace(self, context: Context) -> int:
        if self.uids:
            return namespaces.new_user_namespace(lines(self.uids), lines(self.gids))
        return files.open(f"/proc/{context.pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)

    def cure(self, error: SystemCallError) -> str:
        if error.errno == EINVAL and error.call == "mount_setattr":
            return (
                "this file system, or one below it, can't map owners, or does so already: ext4, xfs and btrfs can, "
                "tmpfs since Linux 6.3; overlayfs, proc and sysfs can't"
            )
        if error.errno == EINVAL and error.call != "open_tree":
            return "the ranges must not overlap, and there may be at most 340"
        return super().cure(error)


def lines(ranges: Ranges) -> str:
    """The text of /proc/PID/uid_map, user_namespaces(7)."""
    return "".join(f"{inside} {outside} {size}\n" for inside, outside, size in ranges)


def told(ranges: Ranges) -> str:
    return ", ".join(f"{size} from {inside} as {outside}" for inside, outside, size in ranges)


class AttachMappedMount(Step):
    """Attach what the runtime has made and handed over."""

    chapter = "mounts"
    man = "mount_setattr(2)"
    spec = "config.md#linux-mount-options"
    no_shell = OpenMappedMount.no_shell
    cures = MOUNT_CURES

    destination: str
    changes: tuple[Change, ...]
    origin: str

    def describe(self) -> str:
        changes = ", ".join(change.describe() for change in self.changes)
        return f"attach the mapped mount on {self.destination}" + (f" ({changes})" if changes else "")

    def calls(self) -> tuple[str, ...]:
        return show_attach(self.destination, self.changes)

    def effect(self, world: World) -> World:
        return world.binding(self.destination, "with mapped owners", *self.changes, brings_others=True)

    def apply(self, context: Context) -> None:
        tree = context.incoming.pop()
        try:
            attach(context, tree, self.destination, self.changes)
        finally:
            os.close(tree)
