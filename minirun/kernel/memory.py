"""A process's own memory: mmap(2), munmap(2); several calls with nothing in between (makecontext(3)); and the program
that the kernel takes it for (PR_SET_MM_MAP, prctl(2))."""

from __future__ import annotations

from . import ctypes
from .constants import (
    MAP_ANONYMOUS,
    MAP_FIXED,
    MAP_POPULATE,
    MAP_PRIVATE,
    PR_SET_MM,
    PR_SET_MM_MAP,
    PROT_READ,
    PROT_WRITE,
)
from .libc import Flags, call, libc, show
from .processes import prctl, stat_fields

libc.mmap.restype = libc.sbrk.restype = ctypes.c_long  # addresses; -1 is MAP_FAILED
STACK_SIZE = 16384


class Context(ctypes.Structure):
    """ucontext_t, sys/ucontext.h: what makecontext(3) asks to be filled in, and room for the registers after it."""

    _fields_ = [
        ("flags", ctypes.c_ulong),
        ("link", ctypes.c_void_p),
        ("stack", ctypes.c_void_p),
        ("stack_flags", ctypes.c_int),
        ("stack_size", ctypes.c_size_t),
        ("registers", ctypes.c_char * 8192),
    ]


def map_file(descriptor: int, offset: int, size: int, protection: int, place: int = 0) -> int:
    """mmap(2): a part of the file, read when it is used; the address. What has been at `place` is replaced."""
    return mmap(place, size, protection, MAP_PRIVATE | (MAP_FIXED if place else 0), descriptor, offset)


def map_memory(size: int) -> int:
    """mmap(2): memory without a file, to read and to write, all of it there at once; the address."""
    return mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0)


def mmap(place: int, size: int, protection: int, flags: int, descriptor: int, offset: int) -> int:
    return call(
        "mmap",
        ctypes.c_void_p(place),
        ctypes.c_size_t(size),
        protection,
        flags,
        descriptor,
        ctypes.c_long(offset),
        shown=lambda: show(
            "mmap",
            hex(place) if place else None,
            size,
            Flags.of(protection, "PROT_"),
            Flags.of(flags, "MAP_"),
            descriptor,
            offset,
        ),
    )


def munmap(place: int, size: int) -> None:
    """munmap(2)"""
    call(
        "munmap",
        ctypes.c_void_p(place),
        ctypes.c_size_t(size),
        shown=lambda: show("munmap", Flags(hex(place)), size),
    )


def glibc() -> ctypes.CDLL:
    """By its own name: by the program's, a function may be a stub in the program. Raises OSError where it is not it."""
    return ctypes.CDLL("libc.so.6")


def in_a_row(calls: list[tuple[str, tuple[int, ...]]]) -> None:
    """Make these calls of the C library's one after the other, without a line of Python or its own code in between.

    Each gets a context of its own: a place to begin at, a stack, and which context comes next. swapcontext(3) enters
    the first one; the last leads back to here. What the functions return is lost.
    """
    library = glibc()
    here, contexts = Context(), [Context() for _ in calls]
    stacks = [ctypes.create_string_buffer(STACK_SIZE) for _ in calls]
    for context, following, stack, wanted in zip(contexts, [*contexts[1:], here], stacks, calls):
        make_context(library, context, following, ctypes.addressof(stack), *wanted)
    library.swapcontext(ctypes.byref(here), ctypes.byref(contexts[0]))


def make_context(
    library: ctypes.CDLL, context: Context, following: Context, stack: int, name: str, arguments: tuple[int, ...]
) -> None:
    """makecontext(3)"""
    library.getcontext(ctypes.byref(context))
    context.link = ctypes.addressof(following)
    context.stack, context.stack_size = stack, STACK_SIZE
    longs = map(ctypes.c_long, arguments)
    library.makecontext(ctypes.byref(context), getattr(library, name), len(arguments), *longs)


# struct prctl_mm_map, linux/prctl.h, and the fields of proc_pid_stat(5) that tell what stands there now. That of the
# heap's end is not among them: sbrk(2) knows it.
STAT_FIELDS = {
    "start_code": 26,
    "end_code": 27,
    "start_data": 45,
    "end_data": 46,
    "start_brk": 47,
    "brk": 0,
    "start_stack": 28,
    "arg_start": 48,
    "arg_end": 49,
    "env_start": 50,
    "env_end": 51,
}


class MemoryMap(ctypes.Structure):
    """struct prctl_mm_map. No auxv means that it stays."""

    _fields_ = [
        *((name, ctypes.c_uint64) for name in STAT_FIELDS),
        ("auxv", ctypes.c_uint64),
        ("auxv_size", ctypes.c_uint32),
        ("exe_fd", ctypes.c_uint32),
    ]


def set_program(descriptor: int) -> None:
    """PR_SET_MM_MAP: the file that /proc/PID/exe leads to. EBUSY while the old one is mapped.

    The call wants all addresses of the process anew. They stay what they are: but Python asks for memory even while it
    makes this call. If the heap has grown meanwhile, the kernel has to hear so.
    """
    told = MemoryMap(*present_addresses(), 0, 0, descriptor)
    while True:
        told.brk = end = libc.sbrk(0)
        prctl(PR_SET_MM, "PR_SET_MM", PR_SET_MM_MAP, ctypes.addressof(told), ctypes.sizeof(told))
        if libc.sbrk(0) == end:
            return


def present_addresses() -> list[int]:
    fields = stat_fields("self") or []
    return [int(fields[number - 3]) if number else 0 for number in STAT_FIELDS.values()]
