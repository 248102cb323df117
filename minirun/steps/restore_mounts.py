"""Mounts of a restore: before it, where they can be; after it, their options, as they were."""

from __future__ import annotations

import os

from ..kernel import files, mounts, namespaces, processes
from ..kernel.constants import (
    CLONE_NEWNS,
    MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NOEXEC,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_NOSYMFOLLOW,
    MOUNT_ATTR_RDONLY,
)
from ..kernel.libc import Flags, show
from .binds import make_place
from .external import Mounted, mounted, noted_options
from .paths import make_directory, make_file, show_find
from .shell import in_root, quoted
from .step import RUNTIME, Context, Refused, Step


class MakeMountPoints(Step):
    """CRIU mounts on what is there. An engine that imports a checkpoint brings a new root directory, in which no
    container has run yet."""

    chapter = "mounts"
    man = "mkdir(2)"

    places: tuple[tuple[str, str], ...]  # destinations; and the sources of those that are bound

    def describe(self) -> str:
        return "make the mount points that are missing"

    def shell(self) -> str:
        return "; ".join(
            make_place(quoted(source), destination) if source else f"mkdir -p {in_root(destination)}"
            for destination, source in self.places
        )

    def calls(self) -> tuple[str, ...]:
        return tuple(show_find(destination) for destination, _source in self.places)

    def apply(self, context: Context) -> None:
        for destination, source in self.places:
            is_file = source and not os.path.isdir(source)
            os.close((make_file if is_file else make_directory)(context, destination))


class RestoreMountOptions(Step):
    """CRIU loses options of some mounts, such as of the second that hides a file behind /dev/null: those that take
    something away are set again, before anybody can make use of it."""

    runs_in = RUNTIME
    chapter = "mounts"
    man = "mount_setattr(2)"

    images: str

    def describe(self) -> str:
        return "set the options of mounts that CRIU has left out"

    def shell(self) -> str:
        return 'nsenter --target "$pid" --mount mount -o remount,bind,ro …'

    def calls(self) -> tuple[str, ...]:
        return (
            show("fork"),
            show("setns", Flags("mounts"), Flags("CLONE_NEWNS")) + "  // in the child",
            mounts.show_mount_setattr(Flags("place"), False, attr_set=MOUNT_ATTR_RDONLY) + "  // where it is missing",
        )

    def apply(self, context: Context) -> None:
        told = noted_options(self.images)
        lost = {one.number: (one.point, attributes(told.get(one.point, ""), one)) for one in mounted(context.pid)}
        changes = {number: change for number, change in lost.items() if change[1]}
        context.result = ", ".join(point for point, _attributes in changes.values()) or "there are none"
        if changes:
            in_mount_namespace(context.pid, changes)


RESTRICTIONS = {
    "ro": MOUNT_ATTR_RDONLY,
    "nosuid": MOUNT_ATTR_NOSUID,
    "nodev": MOUNT_ATTR_NODEV,
    "noexec": MOUNT_ATTR_NOEXEC,
    "nosymfollow": MOUNT_ATTR_NOSYMFOLLOW,
}


def attributes(before: str, now: Mounted) -> int:
    """Those that the mount has had and has no more."""
    missing = set(before.split(",")) - set(now.options.split(","))
    return sum(attribute for word, attribute in RESTRICTIONS.items() if word in missing)


def in_mount_namespace(pid: int, changes: dict[int, tuple[str, int]]) -> None:
    """The kernel changes mounts of one's own mount namespace only, so a child enters that one. Raises Refused."""
    namespace = files.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    child = processes.fork()
    if child == 0:
        try:
            own = files.open("/proc/self/fdinfo", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)  # there, /proc is another
            namespaces.setns(namespace, CLONE_NEWNS)
            for number, (point, attributes) in changes.items():
                change_mount(own, number, point, attributes)
            os._exit(0)
        except OSError as error:
            os._exit(error.errno or 1)
    os.close(namespace)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status:
        points = ", ".join(point for point, _attributes in changes.values())
        raise Refused(f"the options of {points} can't be set: {os.strerror(status)}")


def change_mount(fdinfo: int, number: int, point: str, attributes: int) -> None:
    place = files.open(point, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    if f"mnt_id:\t{number}" in files.read_file_at(fdinfo, str(place)).split("\n"):  # else another is on top of it
        mounts.mount_setattr(place, False, attr_set=attributes)
    os.close(place)
