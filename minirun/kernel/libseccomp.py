"""libseccomp, which knows the system calls of every architecture and turns rules into a program for seccomp(2).

Thin functions with the library's names, which are those of its man pages. It is loaded at the first call, which is the
runtime's: the container's process can't read the host's files. Its functions answer with a negative errno.
"""

from __future__ import annotations

from errno import EINVAL, ELIBACC

from . import ctypes
from .libc import Flags, SystemCallError, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

NAME = "libseccomp.so.2"
UNKNOWN = -1  # __NR_SCMP_ERROR: no system call of this name


loaded: list[ctypes.CDLL] = []


def library() -> ctypes.CDLL:
    """dlopen(3), once, and as a call that can fail like others."""
    if not loaded:
        try:
            found = ctypes.CDLL(NAME)
        except OSError:
            raise SystemCallError(ELIBACC, "dlopen", show("dlopen", NAME)) from None
        found.seccomp_init.restype = ctypes.c_void_p
        found.seccomp_arch_native.restype = ctypes.c_uint32
        found.seccomp_arch_resolve_name.restype = ctypes.c_uint32
        loaded.append(found)
    return loaded[0]


class scmp_arg_cmp(ctypes.Structure):
    """struct scmp_arg_cmp: a condition. Of SCMP_CMP_MASKED_EQ, `datum_a` is the mask and `datum_b` the result."""

    _fields_ = (
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("datum_a", ctypes.c_uint64),
        ("datum_b", ctypes.c_uint64),
    )


def checked(result: int, name: str, shown: Callable[[], str]) -> None:
    if result < 0:
        raise SystemCallError(-result, name, shown())


def word(number: int) -> Flags:
    return Flags(f"{number:#x}")


def seccomp_init(default_action: int) -> ctypes.c_void_p:
    """seccomp_init(3): a filter for the native architecture, to be given back with seccomp_release."""
    found = library().seccomp_init(ctypes.c_uint32(default_action))
    checked(0 if found else -EINVAL, "seccomp_init", lambda: show("seccomp_init", word(default_action)))
    return ctypes.c_void_p(found)


def seccomp_release(context: ctypes.c_void_p) -> None:
    """seccomp_release(3)"""
    library().seccomp_release(context)


def seccomp_arch_native() -> int:
    """seccomp_arch_native(3): this machine's architecture."""
    return int(library().seccomp_arch_native())


def seccomp_arch_resolve_name(name: str) -> int:
    """seccomp_arch_resolve_name(3): 0 where this version of the library does not know the architecture."""
    return int(library().seccomp_arch_resolve_name(name.encode()))


def seccomp_arch_add(context: ctypes.c_void_p, architecture: int) -> None:
    """seccomp_arch_add(3). EEXIST for one that the filter has, EDOM for one of the other byte order."""
    result = library().seccomp_arch_add(context, ctypes.c_uint32(architecture))
    checked(result, "seccomp_arch_add", lambda: show("seccomp_arch_add", word(architecture)))


def seccomp_attr_set(context: ctypes.c_void_p, attribute: int, value: int) -> None:
    """seccomp_attr_set(3)"""
    result = library().seccomp_attr_set(context, attribute, ctypes.c_uint32(value))
    checked(result, "seccomp_attr_set", lambda: show("seccomp_attr_set", attribute, value))


def seccomp_syscall_resolve_name(name: str) -> int:
    """seccomp_syscall_resolve_name(3): UNKNOWN, or the number; a made-up negative one where only others have it."""
    return int(library().seccomp_syscall_resolve_name(name.encode()))


def seccomp_syscall_resolve_name_arch(architecture: int, name: str) -> int:
    """The same for another architecture."""
    return int(library().seccomp_syscall_resolve_name_arch(ctypes.c_uint32(architecture), name.encode()))


def seccomp_syscall_resolve_num_arch(architecture: int, number: int) -> str:
    """seccomp_syscall_resolve_num_arch(3): the name; "" where there is none. The library's copy of it is left to it."""
    call = library().seccomp_syscall_resolve_num_arch
    call.restype = ctypes.c_char_p
    name: bytes | None = call(ctypes.c_uint32(architecture), number)
    return name.decode() if name else ""


def seccomp_rule_add_array(
    context: ctypes.c_void_p, action: int, syscall: int, conditions: tuple[tuple[int, int, int, int], ...]
) -> None:
    """seccomp_rule_add_array(3): a call that meets all conditions gets the action. They are scmp_arg_cmp's fields."""
    array = (scmp_arg_cmp * len(conditions))(*(scmp_arg_cmp(*condition) for condition in conditions))
    count = len(conditions)
    result = library().seccomp_rule_add_array(context, ctypes.c_uint32(action), syscall, count, array)
    checked(
        result,
        "seccomp_rule_add_array",
        lambda: show("seccomp_rule_add_array", word(action), syscall, count, conditions),
    )


def seccomp_export_bpf(context: ctypes.c_void_p, descriptor: int) -> None:
    """seccomp_export_bpf(3): write the program to an open file, as an array of struct sock_filter."""
    result = library().seccomp_export_bpf(context, descriptor)
    checked(result, "seccomp_export_bpf", lambda: show("seccomp_export_bpf", descriptor))
