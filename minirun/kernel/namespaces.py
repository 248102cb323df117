"""Namespaces: unshare(2) and setns(2). The man page of the subject is namespaces(7)."""

from __future__ import annotations

import os
from errno import EINVAL

from . import files, processes
from .constants import CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUSER
from .libc import Flags, SystemCallError, call, os_call, show


def unshare(flags: int) -> None:
    """unshare(2): leave the namespaces that `flags` (CLONE_NEW…) names, for new ones."""
    call("unshare", flags, shown=lambda: show("unshare", Flags.of(flags, "CLONE_")))


def setns(descriptor: int, kind: int) -> None:
    """setns(2): enter the namespace that `descriptor` holds; EINVAL unless it is of the kind CLONE_NEW…"""
    call("setns", descriptor, kind, shown=lambda: show("setns", descriptor, Flags.of(kind, "CLONE_")))


OWN_MOUNTS = "/proc/self/ns/mnt"


def leave_chroot() -> None:
    """setns(2) into the own mount namespace: its root becomes that of the process, which may have had another one."""
    own = files.open(OWN_MOUNTS, os.O_RDONLY | os.O_CLOEXEC)
    try:
        setns(own, CLONE_NEWNS)
    finally:
        os.close(own)


def show_leave_chroot() -> tuple[str, ...]:
    opened = "own = " + show("open", OWN_MOUNTS, files.open_flags(os.O_RDONLY | os.O_CLOEXEC))
    return (opened, show("setns", Flags("own"), Flags("CLONE_NEWNS")))


def fork_into_pid_namespace() -> int:
    """fork(2), with the child as process 1 of a new pid namespace.

    unshare(2) means all children from then on, and setns(2) leads back only those who have CAP_SYS_ADMIN where they
    come from (pid_namespaces(7)), which root of a user namespace has not. So another process does it for this one; as
    it ends, its child becomes this one's.
    """
    told, tell = os.pipe()
    adopted = processes.is_child_subreaper()
    processes.set_child_subreaper()
    try:
        helper = processes.fork()
        if helper == 0 and become_first_process(tell):
            return 0
        os.waitpid(helper, 0)
        return told_pid(os.read(told, 100).decode())
    finally:
        processes.set_child_subreaper(adopted)
        os.close(told)
        os.close(tell)


def become_first_process(tell: int) -> bool:
    """In the helper: True in its child. The helper tells the child's pid, or what failed and how, and ends."""
    said = ""
    try:
        if os.getpid() == 1:  # the caller's children are to be in a new one already, which takes no other beside it
            raise SystemCallError(EINVAL, "unshare", "unshare(CLONE_NEWPID)")
        unshare(CLONE_NEWPID)
        child = processes.fork()
        if child == 0:
            return True
        said = str(child)
    except SystemCallError as error:
        said = f"{error.errno} {error.call} {error.shown}"
    os.write(tell, said.encode())
    os._exit(0)


def told_pid(said: str) -> int:
    pid, *failed = said.split(" ", 2)
    if failed:
        raise SystemCallError(int(pid), *failed)
    return int(pid)


def new_user_namespace(uid_map: str, gid_map: str) -> int:
    """A descriptor of a new user namespace with these maps, as the files of user_namespaces(7) take them.

    A namespace begins with a process in it, which a child is for a moment; the descriptor keeps it afterwards.
    """
    told, told_by_child = os.pipe()
    waits_in_child, kept = os.pipe()
    child = os_call("fork", os.fork)
    if child == 0:
        os.close(kept)
        wait_in_new_user_namespace(told_by_child, waits_in_child)
    os.close(told_by_child)
    os.close(waits_in_child)
    try:
        number = int(os.read(told, 10) or b"0")
        if number:
            raise SystemCallError(number, "unshare", "unshare(CLONE_NEWUSER)")
        files.write_file(f"/proc/{child}/uid_map", uid_map)
        files.write_file(f"/proc/{child}/gid_map", gid_map)
        return files.open(f"/proc/{child}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(told)
        os.close(kept)
        os.waitpid(child, 0)


def wait_in_new_user_namespace(tell: int, wait: int) -> None:
    """The child: tell the errno of unshare(2), and stay until the parent closes its end. Never returns."""
    number = 0
    try:
        unshare(CLONE_NEWUSER)
    except SystemCallError as error:
        number = error.errno or 0
    finally:
        os.write(tell, str(number).encode())
        os.read(wait, 1)
        os._exit(0)
