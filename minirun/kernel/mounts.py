"""Mounting: mount(2), umount2(2), pivot_root(2), and by descriptor open_tree(2), fsmount(2), mount_setattr(2) …"""

from __future__ import annotations

import os

from . import ctypes
from .constants import (
    AT_EMPTY_PATH,
    AT_FDCWD,
    AT_RECURSIVE,
    AT_SYMLINK_NOFOLLOW,
    FSCONFIG_CMD_CREATE,
    FSMOUNT_CLOEXEC,
    FSOPEN_CLOEXEC,
    MOVE_MOUNT_F_EMPTY_PATH,
    MOVE_MOUNT_T_EMPTY_PATH,
    OPEN_TREE_CLOEXEC,
    OPEN_TREE_CLONE,
)
from .libc import Flags, call, show, syscall, text


def mount(source: str | None, target: str, filesystem: str | None, flags: int, data: str | None) -> None:
    """mount(2)"""
    call(
        "mount",
        text(source),
        text(target),
        text(filesystem),
        ctypes.c_ulong(flags),
        text(data),
        shown=lambda: show_mount(source, target, filesystem, flags, data),
    )


def show_mount(source: str | None, target: str, filesystem: str | None, flags: int, data: str | None) -> str:
    return show("mount", source, target, filesystem, Flags.of(flags, "MS_"), data)


def new_mount(filesystem: str) -> int:
    """fsopen(2), fsconfig(2) and fsmount(2): a new mount of a file system without options, attached nowhere yet.

    The descriptor is close-on-exec, and closing it removes the mount.
    """
    context = syscall(
        "fsopen", text(filesystem), FSOPEN_CLOEXEC, shown=lambda: show("fsopen", filesystem, Flags("FSOPEN_CLOEXEC"))
    )
    try:
        syscall(
            "fsconfig",
            context,
            FSCONFIG_CMD_CREATE,
            None,
            None,
            0,
            shown=lambda: show("fsconfig", context, Flags("FSCONFIG_CMD_CREATE"), None, None, 0),
        )
        return syscall(
            "fsmount",
            context,
            FSMOUNT_CLOEXEC,
            0,
            shown=lambda: show("fsmount", context, Flags("FSMOUNT_CLOEXEC"), 0),
        )
    finally:
        os.close(context)


def umount2(target: str, flags: int) -> None:
    """umount2(2)"""
    call("umount2", text(target), flags, shown=lambda: show("umount2", target, Flags.of(flags, "MNT_")))


def pivot_root(new_root: str, put_old: str) -> None:
    """pivot_root(2)"""
    syscall("pivot_root", text(new_root), text(put_old), shown=lambda: show("pivot_root", new_root, put_old))


def open_tree(directory: int, path: str, recursive: bool, follow: bool = True) -> int:
    """open_tree(2): a copy of the mount at `path`, attached nowhere yet. An empty path means `directory` itself.
    Without `follow`, a symlink is what is copied.

    The descriptor is close-on-exec, and closing it removes the copy.
    """
    flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH
    flags |= (AT_RECURSIVE if recursive else 0) | (0 if follow else AT_SYMLINK_NOFOLLOW)
    return syscall(
        "open_tree", directory, text(path), flags, shown=lambda: show_open_tree(directory, path, recursive, follow)
    )


def show_open_tree(directory: object, path: str, recursive: bool, follow: bool = True) -> str:
    decoded = "OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_EMPTY_PATH" + ("|AT_RECURSIVE" if recursive else "")
    decoded += "" if follow else "|AT_SYMLINK_NOFOLLOW"
    return show("open_tree", Flags("AT_FDCWD") if directory == AT_FDCWD else directory, path, Flags(decoded))


def move_mount(tree: int, target: int) -> None:
    """move_mount(2): attach the mount that `tree` holds at the place that `target` holds."""
    flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH
    syscall(
        "move_mount",
        tree,
        b"",
        target,
        b"",
        flags,
        shown=lambda: show_move_mount(tree, target),
    )


def show_move_mount(tree: object, target: object) -> str:
    flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH
    return show("move_mount", tree, "", target, "", Flags.of(flags, "MOVE_MOUNT_"))


class MountAttr(ctypes.Structure):
    """struct mount_attr, linux/mount.h"""

    _fields_ = [(name, ctypes.c_uint64) for name in ("attr_set", "attr_clr", "propagation", "userns_fd")]


def mount_setattr(
    mount_fd: int, recursive: bool, attr_set: int = 0, attr_clr: int = 0, propagation: int = 0, userns: int = 0
) -> None:
    """mount_setattr(2) on the mount that `mount_fd` holds. `propagation` is one of MS_SHARED, MS_SLAVE …, `userns` the
    descriptor of the user namespace that MOUNT_ATTR_IDMAP takes its map from."""
    attributes = MountAttr(attr_set, attr_clr, propagation, userns)
    flags = AT_EMPTY_PATH | (AT_RECURSIVE if recursive else 0)
    syscall(
        "mount_setattr",
        mount_fd,
        b"",
        flags,
        ctypes.byref(attributes),
        ctypes.sizeof(attributes),
        shown=lambda: show_mount_setattr(mount_fd, recursive, attr_set, attr_clr, propagation),
    )


def show_mount_setattr(
    mount_fd: object, recursive: bool, attr_set: int = 0, attr_clr: int = 0, propagation: int = 0
) -> str:
    decoded = "AT_EMPTY_PATH" + ("|AT_RECURSIVE" if recursive else "")
    changes = f"{{set {Flags.of(attr_set, 'MOUNT_ATTR_')}, clear {Flags.of(attr_clr, 'MOUNT_ATTR_')}" + (
        f", propagation {Flags.of(propagation, 'MS_')}}}"
    )
    return show("mount_setattr", mount_fd, "", Flags(decoded), Flags(changes))
