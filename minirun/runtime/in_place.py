"""The interpreter of the host, put out of reach while it runs: CVE-2019-5736 without a second start of Python.

seal.py says against what. This is how, with Debian's Python as the example:

    before                                                 after

    /proc/self/exe ──► /usr/bin/python3.11                 /proc/self/exe ──► a file in memory: empty, sealed

    00400000  r--p  headers    ┐                           00400000  r--p  headers    ┐ python3.11, by the
    0041f000  r-xp  code       │                           0041f000  r-xp  code       ├ read-only copy of
    006d2000  r--p  constants  ├ python3.11, by a mount    006d2000  r--p  constants  ┘ its mount
    00945000  r--p  addresses  │ that can be written to    00945000  r--p  addresses  ┐ memory, which has
    00946000  rw-p  variables  ┘                           00946000  rw-p  variables  ┘ no file
    00a85000  rw-p  variables  ─ memory                    00a85000  rw-p  variables  ─ the same memory
       …      heap, libraries, stack                          …      all the same

Each byte has the same value at the same address as before; so whatever runs, and whatever it has in mind, can go on.
Only what stands behind the pages has changed: nothing leads to python3.11 by a mount on which it could be opened for
writing. Four steps, and why each is safe:

1. *Is everything as this page knows it?* (`check`, `sorted_out`) If not, nothing has been changed yet, and seal.py
   starts Python a second time: on another processor, with another C library than glibc, with threads, without
   CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE, in a kernel without CONFIG_CHECKPOINT_RESTORE or with vm.memfd_noexec = 2,
   with code that a debugger has written to. Whether the kernel will do step 4 is found out by asking for it too early:
   EBUSY is its answer when all is right but that the old file is still in use.

2. *What is as it is in the file is mapped once more, over itself* (`map_again`). The same pages of the same file come
   in the place of themselves, and mmap(2) does it at once. That the code which makes the call may be among them does no
   harm: it is there when the kernel comes back to it.

3. *What has been written to is copied, and the copy is moved over it* (`copy_over`). That is Python's variables; and
   the addresses that the dynamic loader has put in before it made them read-only (ld(1), -z relro). mremap(2) moves at
   once, too. But what would be written between memcpy(3) and mremap(2) would be lost, and Python writes all the time:
   None counts how often it is used, and None is one of these variables. So nothing of Python may run between the two.
   `memory.in_a_row` has the C library make both calls: that is another file, with variables of its own. A signal would
   have Python's handler run, so signals wait. The copy is whole in memory before, so no lack of memory comes between.

4. *Another program* (`become`). prctl(2), PR_SET_MM_MAP, has /proc/self/exe lead to another file. The kernel refuses
   while a single mapping leads to the old file by the old mount, which is the very thing to be sure of; `check_result`
   has looked by itself before. The new file is empty, in memory, and sealed against change (memfd_create(2)). An image
   whose program is /proc/self/exe gets ENOEXEC. The read-only copy would do, too, as it does with a second start. But
   by that an image has the host's Python run, with a loader of the image's; by this it gets nothing of the host's, not
   even to read.

If the kernel refuses something on the way, a second start follows, as safe as ever: after each step all that is mapped
is right. (Only if it ran out of memory of its own in the middle of mmap or mremap, and left a hole, minirun would die
of it: there is no container yet, and nothing to tidy up.) Nothing is left open: not the file, and not the copy of the
mount, which nobody can make writable again once its descriptor is closed, since it is in no mount namespace
(mount_setattr(2), EINVAL).

Libraries are not sealed, libpython and the C library among them; a second start does not do that either. Nothing leads
to them but /proc/PID/map_files. That takes CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE in the first user namespace, and
CAP_SYS_PTRACE, with which a container could as well have minirun do what it wants. And as with libraries, root on the
host may write to python3.11 while minirun runs: ETXTBSY is for what /proc/PID/exe leads to.
"""

from __future__ import annotations

import _signal
import fcntl
import os
from errno import EBUSY, EINVAL

from ..kernel import memory
from ..kernel.constants import MFD_EXEC, MREMAP_FIXED, MREMAP_MAYMOVE, PROT_EXEC, PROT_NONE, PROT_READ, PROT_WRITE
from ..kernel.files import read_file
from ..kernel.libc import MACHINE, SystemCallError
from .again import OWN_PROGRAM

PAGE = os.sysconf("SC_PAGESIZE")
PROTECTIONS = {"r--p": PROT_READ, "r-xp": PROT_READ | PROT_EXEC, "rw-p": PROT_READ | PROT_WRITE}
ALL_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE

# The three highest bits of an entry in /proc/PID/pagemap: present, swapped, of a file. A page that has been written to
# is the process's own from then on (Documentation/admin-guide/mm/pagemap.rst).
PAGEMAP_ENTRY = 8
OWN_PAGES = {0b100, 0b010}


class NotInPlace(Exception):
    """Something is not as this page knows it."""


class Mapping:
    """From a line of /proc/self/maps (proc_pid_maps(5))."""

    def __init__(self, span: str, mode: str, offset: str) -> None:
        self.start, end = (int(address, 16) for address in span.split("-"))
        self.size, self.mode, self.offset = end - self.start, mode, int(offset, 16)
        self.link = f"/proc/self/map_files/{self.start:x}-{end:x}"

    def states(self) -> set[int]:
        """Of its pages."""
        descriptor = os.open("/proc/self/pagemap", os.O_RDONLY | os.O_CLOEXEC)
        try:
            first, count = self.start // PAGE, self.size // PAGE
            entries = os.pread(descriptor, count * PAGEMAP_ENTRY, first * PAGEMAP_ENTRY)
        finally:
            os.close(descriptor)
        if len(entries) != count * PAGEMAP_ENTRY:
            raise NotInPlace("the kernel does not tell of all pages")
        return {entry >> 61 for entry in memoryview(entries).cast("Q")}


def seal_in_place(tree: int) -> None:
    """`tree` is the interpreter on a read-only copy of its mount. Raises NotInPlace or OSError where a second start has
    to do it."""
    empty = empty_program()
    program = os.open(f"/proc/self/fd/{tree}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        check(empty)
        clean, written = sorted_out(mappings_of(program))
        for mapping in clean:
            map_again(mapping, program)
        for mapping in written:
            copy_over(mapping)
        check_result(program)
        become(empty)
    finally:
        os.close(program)
        os.close(empty)


def empty_program() -> int:
    """A descriptor to read only: the kernel takes no file for a program that somebody may write to (ETXTBSY)."""
    writable = executable_file("minirun", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        fcntl.fcntl(writable, fcntl.F_ADD_SEALS, ALL_SEALS)
        return os.open(f"/proc/self/fd/{writable}", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(writable)


def executable_file(name: str, flags: int) -> int:
    """memfd_create(2). Since Linux 6.3 one says whether it may be executed, or sysctl vm.memfd_noexec decides."""
    try:
        return os.memfd_create(name, flags | MFD_EXEC)
    except OSError as error:
        if error.errno != EINVAL:
            raise
        return os.memfd_create(name, flags)


# ---- 1. Is everything as this page knows it?


def check(empty: int) -> None:
    """Raises NotInPlace or OSError."""
    if MACHINE != "x86_64":
        raise NotInPlace(f"the processor is no x86_64 but {MACHINE}")
    if len(os.listdir("/proc/self/task")) > 1:
        raise NotInPlace("there are threads")
    try:
        memory.glibc()
    except OSError:
        raise NotInPlace("the C library is not glibc") from None
    check_right(empty)


def check_right(empty: int) -> None:
    """Step 4 before its time: EBUSY says that nothing but the old mappings is in its way. On overlayfs the kernel does
    not see those, and has done it: the earlier the better."""
    try:
        memory.set_program(empty)
    except SystemCallError as error:
        if error.errno != EBUSY:
            raise


def mappings_of(program: int) -> list[Mapping]:
    """Where the file is mapped. By which device and inode it is told there, one mapping more shows: with some file
    systems it is another device than stat(2)'s."""
    place = memory.map_file(program, 0, PAGE, PROT_NONE)
    try:
        lines = [line.split(maxsplit=5) for line in read_file("/proc/self/maps").split("\n") if line]
    finally:
        memory.munmap(place, PAGE)
    shown = next((line for line in lines if line[0].startswith(f"{place:08x}-")), None)
    if shown is None:
        raise NotInPlace("a mapping is not where it was made")
    return [Mapping(*line[:3]) for line in lines if line[3:5] == shown[3:5] and line is not shown]


def sorted_out(mappings: list[Mapping]) -> tuple[list[Mapping], list[Mapping]]:
    """Those that are as they are in the file, and those that have been written to, or may be."""
    clean: list[Mapping] = []
    written: list[Mapping] = []
    for mapping in mappings:
        is_written = not OWN_PAGES.isdisjoint(mapping.states())
        if mapping.mode not in PROTECTIONS or (is_written and mapping.mode == "r-xp"):
            raise NotInPlace(f"a part of the interpreter is {mapping.mode}{', and was changed' * is_written}")
        (written if is_written or mapping.mode == "rw-p" else clean).append(mapping)
    if not clean:
        raise NotInPlace("the interpreter is not where /proc/self/exe leads to")
    return clean, written


# ---- 2. What nobody has written to is mapped once more, over itself


def map_again(mapping: Mapping, program: int) -> None:
    memory.map_file(program, mapping.offset, mapping.size, PROTECTIONS[mapping.mode], mapping.start)


# ---- 3. What has been written to is copied, and the copy is moved over it


def copy_over(mapping: Mapping) -> None:
    copy, size = memory.map_memory(mapping.size), mapping.size
    before = _signal.pthread_sigmask(_signal.SIG_SETMASK, _signal.valid_signals())
    try:
        memory.in_a_row(
            [
                ("memcpy", (copy, mapping.start, size)),
                ("mprotect", (copy, size, PROTECTIONS[mapping.mode])),
                ("mremap", (copy, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, mapping.start)),
            ],
        )
    finally:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, before)


# ---- 4. Another program


def check_result(program: int) -> None:
    """What still leads to the interpreter does so by a mount that is read-only. The kernel looks for itself next."""
    for mapping in mappings_of(program):
        if not os.statvfs(mapping.link).f_flag & os.ST_RDONLY:
            raise NotInPlace("a part of the interpreter has stayed where it was")


def become(empty: int) -> None:
    memory.set_program(empty)
    if not os.path.samestat(os.fstat(empty), os.stat(OWN_PROGRAM)):
        raise NotInPlace("the program has stayed the old one")
