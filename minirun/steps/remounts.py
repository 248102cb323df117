"""Changes of mounts that are there: for the option remount, and for what mount(2) can't set while it mounts."""

from __future__ import annotations

import os
from errno import EINVAL

from ..kernel import files, mounts
from ..kernel.constants import (
    MOUNT_ATTR_RDONLY,
    MS_BIND,
    names,
)
from ..kernel.libc import Flags
from .mount_flags import Change, change_commands, shell_options
from .paths import (
    PLACE,
    find,
    show_find,
)
from .shell import in_root
from .step import Context, Refused, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .world import World


class Remount(Step):
    """Change the options of a mount that is there already."""

    chapter = "mounts"
    man = "mount(2)"
    spec = "config.md#linux-mount-options"
    cures = {EINVAL: "the destination must be a mount already"}

    destination: str
    flags: int
    data: str
    origin: str

    def describe(self) -> str:
        return f"change the mount on {self.destination} ({names(self.flags, 'MS_')})"

    def shell(self) -> str:
        return f"mount -o {shell_options(self.flags, self.data)} {in_root(self.destination)}"

    def calls(self) -> tuple[str, ...]:
        return (show_find(self.destination), mounts.show_mount(None, PLACE, None, self.flags, self.data or None))

    def effect(self, world: World) -> World:
        return world.restricting(self.destination, self.flags, ~self.flags)

    def apply(self, context: Context) -> None:
        place = find(context.root, self.destination)
        if place is None:
            raise Refused(f"{self.destination} does not exist", "a remount changes a mount that is there already")
        try:
            self.refuse_hosts(context, place)
            mounts.mount(None, files.by_descriptor(place), None, self.flags, self.data or None)
            self.finish(context, place)
        finally:
            os.close(place)

    def refuse_hosts(self, context: Context, place: int) -> None:
        """Without MS_BIND it is the file system that changes, wherever it is mounted (mount(2))."""
        if not self.flags & MS_BIND and os.fstat(place).st_dev not in context.filesystems:
            raise Refused(
                f"the file system at {self.destination} is none of the container's own: it would change on the host",
                "remount together with bind changes the container's mount alone",
            )

    def finish(self, context: Context, place: int) -> None:
        """A mount that was to be read-only in the end is what this one says, from now on."""
        mounted = context.unfinished.pop(files.mount_id(place), -1)
        if mounted >= 0:
            os.close(mounted)


class ChangeMount(Step):
    """Set what mount(2) can't set while it mounts: propagation, and flags for all mounts below."""

    chapter = "mounts"
    man = "mount_setattr(2)"
    spec = "config.md#mounts"
    no_shell = "there is nothing to change"

    destination: str
    changes: tuple[Change, ...]
    origin: str

    def describe(self) -> str:
        return f"change the mount on {self.destination}: {', '.join(change.describe() for change in self.changes)}"

    def shell(self) -> str | None:
        return change_commands(self.changes, self.destination) or None

    def calls(self) -> tuple[str, ...]:
        return (show_find(self.destination), *(change.call(Flags("place")) for change in self.changes))

    def effect(self, world: World) -> World:
        for change in self.changes:
            world = world.restricting(self.destination, change.attr_set, change.attr_clr)
        return world

    def apply(self, context: Context) -> None:
        mounted = find(context.root, self.destination)
        if mounted is None:
            raise Refused(f"{self.destination} is gone", "")
        try:
            for change in self.changes:
                change.apply(mounted)
        finally:
            os.close(mounted)


class MakeMountReadOnly(Step):
    """The end of a mount that begins empty: now everything is made in it that lies in there."""

    chapter = "mounts"
    man = "mount_setattr(2)"
    spec = "config.md#linux-mount-options"

    destination: str
    origin: str

    def describe(self) -> str:
        return f"make the mount on {self.destination} read-only, now that all is made in it"

    def shell(self) -> str:
        return f"mount -o remount,bind,ro {in_root(self.destination)}"

    def calls(self) -> tuple[str, ...]:
        return (mounts.show_mount_setattr(Flags("mounted"), False, attr_set=MOUNT_ATTR_RDONLY),)

    def effect(self, world: World) -> World:
        return world.restricting(self.destination, MOUNT_ATTR_RDONLY)

    def apply(self, context: Context) -> None:
        mounted = context.unfinished.pop(context.mount_ids.get(self.origin, -1), -1)
        if mounted < 0:
            context.result = "a later remount has decided otherwise"
            return
        try:
            mounts.mount_setattr(mounted, False, attr_set=MOUNT_ATTR_RDONLY)
        finally:
            os.close(mounted)
