"""Files and directories, always by descriptor: a path inside a container is never trusted to the host's root.

Every descriptor made here is close-on-exec.
"""

from __future__ import annotations

import errno
import os
import stat

from . import ctypes
from .constants import (
    NULL_DEVICE,
    RESOLVE_IN_ROOT,
    RESOLVE_NO_MAGICLINKS,
    RESOLVE_NO_SYMLINKS,
    open_flag_names,
)
from .libc import Flags, SystemCallError, call, os_call, show, syscall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class OpenHow(ctypes.Structure):
    """struct open_how, linux/openat2.h"""

    _fields_ = [(name, ctypes.c_uint64) for name in ("flags", "mode", "resolve")]


def openat2(directory: int, path: str, flags: int, resolve: int) -> int:
    """openat2(2). EAGAIN (a rename raced with the lookup) is tried again, as the man page asks."""
    how = OpenHow(flags | os.O_CLOEXEC, 0, resolve)
    for attempt in range(128):
        try:
            return syscall(
                "openat2",
                directory,
                path.encode(errors="surrogateescape"),
                ctypes.byref(how),
                ctypes.sizeof(how),
                shown=lambda: show_openat2(directory, path, flags, resolve),
            )
        except SystemCallError as error:
            if error.errno != errno.EAGAIN or attempt == 127:
                raise
    raise AssertionError


def show_openat2(directory: object, path: str, flags: int, resolve: int) -> str:
    return show("openat2", directory, path, open_flags(flags | os.O_CLOEXEC), Flags.of(resolve, "RESOLVE_"))


def open_in_root(root: int, path: str, flags: int, symlinks: bool = True) -> int:
    """Open `path` as a process would whose root directory is `root`: `..` and symlinks cannot lead out of it.

    `symlinks=False` refuses a path that has any (ELOOP). Magic links, those of /proc/PID/fd, are always refused.
    """
    return openat2(root, path, flags, resolve_in_root(symlinks))


def resolve_in_root(symlinks: bool) -> int:
    return RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | (0 if symlinks else RESOLVE_NO_SYMLINKS)


def open(path: str, flags: int, mode: int = 0o666) -> int:
    """open(2)"""
    return os_call("open", os.open, path, flags, mode, shown=lambda: show("open", path, open_flags(flags)))


def openat(directory: int, path: str, flags: int, mode: int = 0o666) -> int:
    """openat(2)"""
    return os_call(
        "openat",
        lambda: os.open(path, flags, mode, dir_fd=directory),
        shown=lambda: show("openat", directory, path, open_flags(flags)),
    )


def open_flags(flags: int) -> Flags:
    return Flags(open_flag_names(flags))


def mkdirat(directory: int, name: str, mode: int) -> None:
    """mkdirat(2)"""
    os_call(
        "mkdirat",
        lambda: os.mkdir(name, mode, dir_fd=directory),
        shown=lambda: show("mkdirat", directory, name, octal(mode)),
    )


def mknodat(directory: int, name: str, mode: int, device: int) -> None:
    """mknodat(2): `mode` holds the type (S_IFCHR …) and the permissions."""
    os_call(
        "mknodat",
        lambda: os.mknod(name, mode, device, dir_fd=directory),
        shown=lambda: show(
            "mknodat", directory, name, octal(mode), Flags(f"makedev({os.major(device)}, {os.minor(device)})")
        ),
    )


def symlinkat(target: str, directory: int, name: str) -> None:
    """symlinkat(2)"""
    os_call(
        "symlinkat",
        lambda: os.symlink(target, name, dir_fd=directory),
        shown=lambda: show("symlinkat", target, directory, name),
    )


def octal(mode: int) -> Flags:
    return Flags(f"0{mode:o}")


def mkdir(path: str, mode: int) -> None:
    """mkdir(2)"""
    os_call("mkdir", os.mkdir, path, mode, shown=lambda: show("mkdir", path, octal(mode)))


def rmdir(path: str) -> None:
    """rmdir(2)"""
    os_call("rmdir", os.rmdir, path)


def rmdirat(directory: int, name: str) -> None:
    """unlinkat(2) with AT_REMOVEDIR"""
    os_call(
        "unlinkat",
        lambda: os.rmdir(name, dir_fd=directory),
        shown=lambda: show("unlinkat", directory, name, Flags("AT_REMOVEDIR")),
    )


def chdir(path: str) -> None:
    """chdir(2)"""
    os_call("chdir", os.chdir, path)


def fchdir(descriptor: int) -> None:
    """fchdir(2)"""
    os_call("fchdir", os.fchdir, descriptor)


def chroot(path: str) -> None:
    """chroot(2)"""
    os_call("chroot", os.chroot, path)


def getcwd() -> bytes:
    """The system call of getcwd(2), whose answer begins with "(unreachable)" for a directory that lies outside this
    process's root. The C library's function would go on to search for a path, and may find one that is not true."""
    buffer = ctypes.create_string_buffer(os.pathconf("/", "PC_PATH_MAX"))
    syscall("getcwd", buffer, ctypes.sizeof(buffer), shown=lambda: show("getcwd"))
    return buffer.value


def is_there(path: str) -> bool:
    """lstat(2): whether something has this name. Raises SystemCallError where that could not be found out, for which
    os.path.lexists would say no."""
    try:
        os_call("lstat", os.lstat, path)
    except SystemCallError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return False
        raise
    return True


def write_file(path: str, value: str) -> None:
    """Write a kernel file such as /proc/sys/… in one write(2): such files take a value whole or not at all."""
    write_and_close(open(path, os.O_WRONLY | os.O_CLOEXEC), path, value)


def write_file_at(directory: int, path: str, value: str) -> None:
    """The same, for a path below an open directory."""
    write_and_close(openat(directory, path, os.O_WRONLY | os.O_CLOEXEC), path, value)


def write_and_close(descriptor: int, path: str, value: str) -> None:
    try:
        write(descriptor, path, value)
    finally:
        os.close(descriptor)


def write(descriptor: int, path: str, value: str) -> None:
    """write(2) to the open kernel file `path`, all of it at once."""
    os_call("write", os.write, descriptor, value.encode(), shown=lambda: show("write", path, value))


def set_xattr(path: str, name: str, value: str) -> None:
    """setxattr(2)"""
    os_call("setxattr", os.setxattr, path, name, value.encode(), shown=lambda: show("setxattr", path, name, value))


def read_file(path: str) -> str:
    """The contents of a small file of the kernel's."""
    return read_and_close(open(path, os.O_RDONLY | os.O_CLOEXEC), path)


def read_file_at(directory: int, path: str) -> str:
    """The same, for a path below an open directory."""
    return read_and_close(openat(directory, path, os.O_RDONLY | os.O_CLOEXEC), path)


def read_and_close(descriptor: int, path: str) -> str:
    try:
        parts = []
        while part := os_call("read", os.read, descriptor, 1 << 16, shown=lambda: show("read", path)):
            parts.append(part)
        return b"".join(parts).decode(errors="surrogateescape")
    finally:
        os.close(descriptor)


def filesystem_type(descriptor: int) -> int:
    """fstatfs(2): the magic number (linux/magic.h) of the file system that `descriptor` lies on."""
    # struct statfs is under 128 bytes everywhere; its first member, f_type, is a long.
    buffer = (ctypes.c_long * 32)()
    call("fstatfs", descriptor, ctypes.byref(buffer), shown=lambda: show("fstatfs", descriptor))
    return buffer[0]


def mount_id(descriptor: int) -> int:
    """The number of the mount that an open file was found in, as in /proc/self/mountinfo (proc_pid_fdinfo(5))."""
    lines = read_file(f"/proc/self/fdinfo/{descriptor}").splitlines()
    return next(int(line.removeprefix("mnt_id:")) for line in lines if line.startswith("mnt_id:"))


def by_descriptor(descriptor: int) -> str:
    """The path of an open file, for calls that take only paths (proc_pid_fd(5)): no name is looked up again."""
    return f"/proc/self/fd/{descriptor}"


def create_file(path: str, content: bytes, mode: int, finish: Callable[[int], None] | None = None) -> None:
    """Make a new file with this content; EEXIST where there is one. `finish` has a say about its descriptor."""
    descriptor = open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        while content:
            content = content[os_call("write", os.write, descriptor, content, shown=lambda: show("write", path)) :]
        if finish:
            finish(descriptor)
    finally:
        os.close(descriptor)


def replace_file(path: str, content: bytes, mode: int) -> None:
    """Nobody ever sees half of it, and where this fails what was there before still is (rename(2))."""
    directory, _, name = path.rpartition("/")
    new = f"{directory}/.{name}.{os.getpid()}"
    try:
        create_file(new, content, mode)
        os_call("rename", os.rename, new, path)
    except BaseException as error:  # Ctrl-C, too
        if getattr(error, "errno", 0) != errno.EEXIST and os.path.lexists(new):
            os.unlink(new)
        raise


def open_regular(path: str, flags: int, mode: int = 0o666) -> int:
    """open(2) for a file that others may have exchanged for one that never ends, makes one wait, or is somewhere else:
    EINVAL for what is no regular file, ELOOP for a symlink."""
    descriptor = open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, mode)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise SystemCallError(errno.EINVAL, "open", show("open", path, open_flags(flags)))


def read_regular(path: str, most: int, owner: int | None = None) -> bytes:
    """The content of such a file; EFBIG where it has more bytes than `most`, EPERM where it is not that user's."""
    with os.fdopen(open_regular(path, os.O_RDONLY), "rb") as file:
        status = os.fstat(file.fileno())
        if owner not in (None, status.st_uid):
            raise SystemCallError(errno.EPERM, "open", show("open", path, open_flags(os.O_RDONLY)))
        if status.st_size > most:
            raise SystemCallError(errno.EFBIG, "read", show("read", path))
        return file.read(status.st_size)


def is_null_device(descriptor: int) -> bool:
    """Whether an open file is the null device, null(4)."""
    status = os.fstat(descriptor)
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == NULL_DEVICE
