"""Places inside the container's root file system, always as descriptors.

The image may hold any symlink it likes, and another container may be changing it right now. So a path of config.json
is looked up by the kernel with the container's root as "/" (openat2(2), RESOLVE_IN_ROOT), and what is done there is
done to the descriptor that came out, never to the path again (CVE-2021-30465, CVE-2024-45310).
"""

from __future__ import annotations

import errno
import os
import stat

from ..kernel import files
from ..kernel.constants import PROC_SUPER_MAGIC
from ..kernel.libc import Flags, SystemCallError
from .step import Context, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Maker = Callable[[int, str], None]  # of a name in a directory

MOST_SYMLINKS = 40  # on one way: path_resolution(7)
BEGIN_EMPTY = ("tmpfs", "ramfs")

# What may be mounted inside a mounted /proc, as runc has it: files that tools such as lxcfs replace. Anything else
# could hide from the container's own processes, or from ours, which processes there are.
OPEN_PROC_FILES = (
    "cpuinfo",
    "diskstats",
    "meminfo",
    "stat",
    "swaps",
    "uptime",
    "loadavg",
    "slabinfo",
    "sys/kernel/ns_last_pid",
    "sys/crypto/fips_enabled",
)


# mkdirat(2) and openat(2) in a root file system of somebody else's.
CLOSED_ROOT = (
    "to make mount points, the container's root user must own the root file system (chown -R), or they be there"
)
WRITE_PROTECTED = "the file system there is read-only: it must have the place beforehand"

# What it means when the kernel refuses to look for a place, or to make it.
PLACE_CURES: Mapping[int | tuple[str, int], str] = {
    ("openat2", errno.ELOOP): "symlinks on the way lead in a circle, or through the links of /proc/PID",
    ("openat2", errno.EACCES): "every directory on the way must be searchable (chmod +x) for the container's root user",
    ("openat2", errno.ENAMETOOLONG): "a name has at most 255 bytes, and a path 4095",
    ("mkdirat", errno.EACCES): CLOSED_ROOT,
    ("openat", errno.EACCES): CLOSED_ROOT,
    ("mkdirat", errno.EROFS): WRITE_PROTECTED,
    ("openat", errno.EROFS): WRITE_PROTECTED,
    ("mknodat", errno.EROFS): WRITE_PROTECTED,
    ("symlinkat", errno.EROFS): WRITE_PROTECTED,
    ("mkdirat", errno.EPERM): "this file system takes no directories: name a place that it has",
}


def find(root: int, path: str, symlinks: bool = True) -> int | None:
    """The place `path` as an O_PATH descriptor; None where nothing is there."""
    try:
        return files.open_in_root(root, path, os.O_PATH, symlinks)
    except SystemCallError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return None
        raise


PLACE = "/proc/self/fd/{place}"  # what `files.by_descriptor` makes of what `show_find` tells


def show_find(path: str, symlinks: bool = True, name: str = "place", follow: bool = True) -> str:
    """What `find`, or one of the functions that make what is missing, does with a path. In a plan a descriptor has no
    number yet, so it has a name."""
    flags = os.O_PATH | (0 if follow else os.O_NOFOLLOW)
    return f"{name} = " + files.show_openat2(Flags("root"), path, flags, files.resolve_in_root(symlinks))


def make_directory(context: Context, path: str, symlinks: bool = True) -> int:
    """The directory `path`, made together with its parents (mode 0755) where it is missing. Needs a close."""
    return of_kind(make(context, path, make_subdirectory, symlinks), path, is_directory=True)


def make_file(context: Context, path: str) -> int:
    """The file `path`, made empty (mode 0644) where nothing is there. Needs a close."""
    return of_kind(make(context, path, make_empty_file, True), path, is_directory=False)


def make_unfollowed(context: Context, path: str, is_directory: bool) -> int:
    """The same, of either kind; but a symlink that has this name is not followed: it is the place. Needs a close."""
    parent, name = make_parent(context, path)
    try:
        if status_in(parent, name) is None:
            refuse_hosts(context, parent, path)
            (make_subdirectory if is_directory else make_empty_file)(parent, name)
        return of_kind(files.openat(parent, name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC), path, is_directory)
    finally:
        os.close(parent)


def status_in(directory: int, name: str) -> os.stat_result | None:
    """lstat(2) of a name in a directory; None where there is none."""
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None


def of_kind(place: int, path: str, is_directory: bool) -> int:
    """The place itself. Raises Refused where it is of the other kind: mount(2) says so in many ways. Engines look for
    the words of ENOTDIR, to tell their users that a directory and a file don't go on each other."""
    if stat.S_ISDIR(os.fstat(place).st_mode) == is_directory:
        return place
    os.close(place)
    raise Refused(
        f"{path} is {OTHER_KIND[is_directory]}",
        "a directory goes on a directory, a file on a file: take it away there, or name another place",
    )


OTHER_KIND = {
    True: "a file in the root file system, not a directory",
    False: "a directory in the root file system, and what is to be there is not a directory",
}


def make(context: Context, path: str, make_last: Maker, symlinks: bool) -> int:
    """What is at `path`, made by `make_last` where nothing is there, and its parents as directories. Needs a close.

    A symlink that leads nowhere is followed as any other: what it leads to is made, inside of the root.
    """
    path = path.rstrip("/") or "/"
    for _attempt in range(MOST_SYMLINKS):
        found = find(context.root, path, symlinks)
        if found is not None:
            return found
        path = make_missing(context, path, make_last, symlinks)
    raise Refused(f"{path} leads on and on", "follow the symlinks on the way: somebody changes them meanwhile")


def make_missing(context: Context, path: str, make_last: Maker, symlinks: bool) -> str:
    """Make what is missing of `path`, from the top down, until a symlink leads elsewhere; the path to go on with."""
    names = path.split("/")
    for depth, name in enumerate(names):
        above, here = "/".join(names[:depth]) or "/", "/".join(names[: depth + 1]) or "/"
        if not is_there(context, here, symlinks):
            make_name = make_subdirectory if names[depth + 1 :] else make_last
            target = make_in(context, above, name, make_name)
            if target and symlinks:
                return os.path.join(above, target, *names[depth + 1 :])
    return path


def is_there(context: Context, path: str, symlinks: bool = True) -> bool:
    found = find(context.root, path, symlinks)
    if found is not None:
        os.close(found)
    return found is not None


def make_in(context: Context, parent_path: str, name: str, make_name: Maker) -> str:
    """Make one name; "", or what it leads to, where there is a symlink that leads nowhere."""
    parent = find(context.root, parent_path)
    if parent is None:
        return ""  # somebody has just taken it away: all is looked for again
    try:
        refuse_hosts(context, parent, os.path.join(parent_path, name))
        make_name(parent, name)
        return ""
    except SystemCallError as error:
        if error.errno == errno.ENOTDIR:
            raise Refused(f"{parent_path} is a file in the root file system, not a directory", NO_WAY) from None
        if error.errno != errno.EEXIST:
            raise
        return link_target(parent, name)
    finally:
        os.close(parent)


NO_WAY = "take it away there, or name another place"


def link_target(parent: int, name: str) -> str:
    """What a symlink leads to; "" where there is none: another container was quicker in making the name."""
    try:
        return os.readlink(name, dir_fd=parent)
    except OSError:
        return ""


def make_subdirectory(parent: int, name: str) -> None:
    files.mkdirat(parent, name, 0o755)


def make_empty_file(parent: int, name: str) -> None:
    os.close(files.openat(parent, name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o644))


def make_parent(context: Context, path: str) -> tuple[int, str]:
    """The directory that `path` is to lie in, made where it is missing, and the last name. Needs a close."""
    parent_path, _, name = path.rstrip("/").rpartition("/")
    if name in ("", ".", ".."):
        raise Refused(f"{path} can't be the name of a file", "name it without `..`")
    return make_directory(context, parent_path or "/"), name


# ---- the root


def covering(place: int) -> int:
    """What lies on top of the directory `place`. Needs a close.

    The root of a lookup is its own parent, and by that way the kernel comes out on what is mounted there: no name is
    looked up again, which might lead elsewhere by now.
    """
    return files.open_in_root(place, "..", os.O_PATH)


def new_mount_on(context: Context, place: int, path: str) -> int:
    """The same by its path, where the container's root user may not search the directory below. Needs a close."""
    try:
        return covering(place)
    except SystemCallError as error:
        found = find(context.root, path) if error.errno == errno.EACCES else None
        if found is None or files.mount_id(found) == files.mount_id(place):
            raise
        return found


def renew_root(context: Context, place: int) -> None:
    """What has been mounted on the root is the root: later mounts lie in there, and so does the program."""
    if os.path.samestat(os.fstat(place), os.fstat(context.root)):
        below, context.root = context.root, covering(context.root)
        os.close(below)


def is_root(context: Context, place: int) -> bool:
    """Whether it is the container's root, and not the same directory in another mount."""
    same = os.path.samestat(os.fstat(place), os.fstat(context.root))
    return same and files.mount_id(place) == files.mount_id(context.root)


def is_hosts(context: Context, parent: int) -> bool:
    """Whether the container's root is the host's, by whatever name, and the directory is none of its own mounts."""
    return os.path.samestat(os.fstat(context.root), os.stat("/")) and not is_new(context, parent)


def refuse_hosts(context: Context, parent: int, path: str) -> None:
    """Raise Refused where something new would be in the host's root."""
    if is_hosts(context, parent):
        raise Refused(
            f"{path} is not there, and the container's root is the host's, in which minirun makes nothing",
            "make it beforehand, or have config.json mount a tmpfs on a directory above it",
        )


def is_new(context: Context, place: int) -> bool:
    """Whether it lies in a file system that began empty with this container."""
    return context.filesystems.get(os.fstat(place).st_dev) in BEGIN_EMPTY


def refuse_inside_proc(context: Context, place: int, filesystem: str) -> None:
    """Raise Refused where `place` lies inside a mounted procfs and is not one of OPEN_PROC_FILES."""
    if filesystem == "proc" or files.filesystem_type(place) != PROC_SUPER_MAGIC:
        return
    root = os.readlink(files.by_descriptor(context.root)).rstrip("/")
    inside = os.readlink(files.by_descriptor(place)).removeprefix(root)
    if inside.removeprefix("/proc/") not in OPEN_PROC_FILES:
        raise Refused(
            f"{inside} lies inside /proc, and a mount there would change what processes can know of each other",
            "only these files of /proc may be covered: " + ", ".join(OPEN_PROC_FILES),
        )
