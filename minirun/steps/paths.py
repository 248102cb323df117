"""Places inside the container's root file system, always as descriptors.

The image may hold any symlink it likes, and another container may be changing it right now. So a path of config.json
is looked up by the kernel with the container's root as "/" (openat2(2), RESOLVE_IN_ROOT), and what is done there is
done to the descriptor that came out, never to the path again (CVE-2021-30465, CVE-2024-45310).
"""

from __future__ import annotations

import errno
import os

from ..kernel import files
from ..kernel.constants import PROC_SUPER_MAGIC
from ..kernel.libc import Flags, SystemCallError
from .step import Context, Refused

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


def find(root: int, path: str, symlinks: bool = True) -> int | None:
    """The place `path` as an O_PATH descriptor; None where nothing is there."""
    try:
        return files.open_in_root(root, path, os.O_PATH, symlinks)
    except SystemCallError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return None
        raise


PLACE = "/proc/self/fd/{place}"  # what `files.by_descriptor` makes of what `show_find` tells


def show_find(path: str, symlinks: bool = True, name: str = "place") -> str:
    """What `find`, or one of the functions that make what is missing, does with a path. In a plan a descriptor has no
    number yet, so it has a name."""
    return f"{name} = " + files.show_openat2(Flags("root"), path, os.O_PATH, files.resolve_in_root(symlinks))


def make_directory(root: int, path: str, symlinks: bool = True) -> int:
    """The directory `path`, made together with its parents (mode 0755) where it is missing. Needs a close."""
    found = find(root, path, symlinks)
    if found is not None:
        return found
    parent_path, _, name = path.rstrip("/").rpartition("/")
    parent = make_directory(root, parent_path or "/", symlinks)
    try:
        if name not in (".", ".."):
            files.mkdirat(parent, name, 0o755)
            return files.openat(parent, name, os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC)
        return find_made(root, path, symlinks)
    except SystemCallError as error:
        if error.errno == errno.EEXIST:
            return find_made(root, path, symlinks)
        raise
    finally:
        os.close(parent)


def find_made(root: int, path: str, symlinks: bool) -> int:
    """What is at `path` after all: its parents were made just now, or another container was quicker."""
    found = find(root, path, symlinks)
    if found is None:
        raise Refused(f"{path} is a symlink that leads nowhere", "remove it from the root file system")
    return found


def make_parent(root: int, path: str) -> tuple[int, str]:
    """The directory that `path` is to lie in, made where it is missing, and the last name. Needs a close."""
    parent_path, _, name = path.rstrip("/").rpartition("/")
    if name in ("", ".", ".."):
        raise Refused(f"{path} can't be the name of a file", "name it without `..`")
    return make_directory(root, parent_path or "/"), name


def make_file(root: int, path: str) -> int:
    """The file `path`, made empty (mode 0644) where nothing is there. Needs a close."""
    found = find(root, path)
    if found is not None:
        return found
    parent, name = make_parent(root, path)
    try:
        created = files.openat(parent, name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o644)
        os.close(created)
        return files.openat(parent, name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    except SystemCallError as error:
        if error.errno == errno.EEXIST:
            return find_made(root, path, True)
        raise
    finally:
        os.close(parent)


def refuse_inside_proc(context: Context, place: int, filesystem: str) -> None:
    """Raise Refused where `place` lies inside a mounted procfs and is not one of OPEN_PROC_FILES."""
    if filesystem == "proc" or files.filesystem_type(place) != PROC_SUPER_MAGIC:
        return
    inside = os.readlink(files.by_descriptor(place)).removeprefix(os.readlink(files.by_descriptor(context.root)))
    if inside.removeprefix("/proc/") not in OPEN_PROC_FILES:
        raise Refused(
            f"{inside} lies inside /proc, and a mount there would change what processes can know of each other",
            "only these files of /proc may be covered: " + ", ".join(OPEN_PROC_FILES),
        )
