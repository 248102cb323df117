"""Loading eBPF programs and attaching them to cgroups: bpf(2)."""

from __future__ import annotations

from . import ctypes
from .libc import Flags, SystemCallError, show, syscall

# linux/bpf.h: enum bpf_cmd, bpf_prog_type, bpf_attach_type, and the attach flags
BPF_PROG_LOAD = 5
BPF_PROG_ATTACH = 8
BPF_PROG_GET_FD_BY_ID = 13
BPF_OBJ_GET_INFO_BY_FD = 15
BPF_PROG_QUERY = 16
BPF_PROG_TYPE_CGROUP_DEVICE = 15
BPF_CGROUP_DEVICE = 6
BPF_F_ALLOW_MULTI = 2
BPF_F_REPLACE = 4

INSTRUCTION_SIZE = 8
LOG_SIZE = 1 << 16
PROGRAM_NAME = b"minirun_devices"  # at most 15 bytes
PROGRAMS_AT_MOST = 64  # on one cgroup: BPF_CGROUP_MAX_PROGS of the kernel's bpf-cgroup.h


class LoadAttributes(ctypes.Structure):
    """union bpf_attr, as BPF_PROG_LOAD reads it. The kernel takes what is not given for zeros."""

    _fields_ = (
        ("prog_type", ctypes.c_uint32),
        ("insn_cnt", ctypes.c_uint32),
        ("insns", ctypes.c_char_p),
        ("license", ctypes.c_char_p),
        ("log_level", ctypes.c_uint32),
        ("log_size", ctypes.c_uint32),
        ("log_buf", ctypes.c_void_p),
        ("kern_version", ctypes.c_uint32),
        ("prog_flags", ctypes.c_uint32),
        ("prog_name", ctypes.c_char * 16),
    )


class AttachAttributes(ctypes.Structure):
    """union bpf_attr, as BPF_PROG_ATTACH reads it."""

    _fields_ = (
        ("target_fd", ctypes.c_uint32),
        ("attach_bpf_fd", ctypes.c_uint32),
        ("attach_type", ctypes.c_uint32),
        ("attach_flags", ctypes.c_uint32),
        ("replace_bpf_fd", ctypes.c_uint32),
    )


class QueryAttributes(ctypes.Structure):
    """union bpf_attr, as BPF_PROG_QUERY reads it; the kernel writes `prog_cnt` back."""

    _fields_ = (
        ("target_fd", ctypes.c_uint32),
        ("attach_type", ctypes.c_uint32),
        ("query_flags", ctypes.c_uint32),
        ("attach_flags", ctypes.c_uint32),
        ("prog_ids", ctypes.c_void_p),
        ("prog_cnt", ctypes.c_uint32),
    )


class GetIdAttributes(ctypes.Structure):
    """union bpf_attr, as BPF_PROG_GET_FD_BY_ID reads it."""

    _fields_ = (("prog_id", ctypes.c_uint32), ("next_id", ctypes.c_uint32), ("open_flags", ctypes.c_uint32))


class InfoAttributes(ctypes.Structure):
    """union bpf_attr, as BPF_OBJ_GET_INFO_BY_FD reads it."""

    _fields_ = (("bpf_fd", ctypes.c_uint32), ("info_len", ctypes.c_uint32), ("info", ctypes.c_void_p))


class ProgramInfo(ctypes.Structure):
    """struct bpf_prog_info, as far as the name. The kernel fills in as much as there is room for."""

    _fields_ = (("before", ctypes.c_uint8 * 64), ("name", ctypes.c_char * 16))


def prog_load(instructions: bytes) -> int:
    """BPF_PROG_LOAD: a descriptor (close-on-exec) of a program of the type BPF_PROG_TYPE_CGROUP_DEVICE.

    Where the kernel's verifier refuses the program, a second try asks it why: writing its log takes longer than all
    the rest, so nobody asks for it who does not need it.
    """
    try:
        return load(instructions)
    except SystemCallError as error:
        log = ctypes.create_string_buffer(LOG_SIZE)
        try:
            return load(instructions, log)
        except SystemCallError:
            raise refused(error, log.value.decode()) from None


def load(instructions: bytes, log: ctypes.Array[ctypes.c_char] | None = None) -> int:
    count = len(instructions) // INSTRUCTION_SIZE
    attributes = LoadAttributes(
        prog_type=BPF_PROG_TYPE_CGROUP_DEVICE,
        insn_cnt=count,
        insns=instructions,
        license=b"",  # some helper functions are for GPL programs only; ours calls none
        log_level=1 if log else 0,
        log_size=LOG_SIZE if log else 0,
        log_buf=ctypes.addressof(log) if log else None,
        prog_name=PROGRAM_NAME,
    )
    told = Flags(f"{{prog_type=BPF_PROG_TYPE_CGROUP_DEVICE, insn_cnt={count}}}")
    return bpf(BPF_PROG_LOAD, "BPF_PROG_LOAD", attributes, told)


def refused(error: SystemCallError, log: str) -> SystemCallError:
    """The error of a program that was not loaded, with the verifier's last words if it came that far."""
    words = "; ".join(log.strip().splitlines()[-3:])
    return SystemCallError(error.errno or 0, error.call, f"{error.shown}{words and ', verifier: ' + words}")


def prog_attach(program: int, cgroup: int, flags: int = BPF_F_ALLOW_MULTI, replaced: int = -1) -> None:
    """BPF_PROG_ATTACH: from now on the kernel asks `program` about devices, for each process in or below `cgroup`.

    Both are descriptors. The attachment lasts as long as the cgroup, so nothing has to be undone. With
    BPF_F_ALLOW_MULTI, cgroups below may have programs too, which all have to agree: containers in containers.
    `replaced` is a program that is attached: the new one takes its place.
    """
    flags |= BPF_F_REPLACE if replaced >= 0 else 0
    attributes = AttachAttributes(cgroup, program, BPF_CGROUP_DEVICE, flags, max(replaced, 0))
    told = Flags(
        f"{{target_fd={cgroup}, attach_bpf_fd={program}, attach_type=BPF_CGROUP_DEVICE, attach_flags={flags:#x}}}"
    )
    bpf(BPF_PROG_ATTACH, "BPF_PROG_ATTACH", attributes, told)


def prog_query(cgroup: int) -> list[int]:
    """BPF_PROG_QUERY: the numbers of the programs on this cgroup itself that are asked about devices."""
    numbers = (ctypes.c_uint32 * PROGRAMS_AT_MOST)()
    attributes = QueryAttributes(cgroup, BPF_CGROUP_DEVICE, 0, 0, ctypes.addressof(numbers), PROGRAMS_AT_MOST)
    bpf(BPF_PROG_QUERY, "BPF_PROG_QUERY", attributes, Flags(f"{{target_fd={cgroup}, attach_type=BPF_CGROUP_DEVICE}}"))
    return list(numbers[: attributes.prog_cnt])


def prog_get_fd_by_id(number: int) -> int:
    """BPF_PROG_GET_FD_BY_ID: a descriptor (close-on-exec) of the program with this number."""
    return bpf(
        BPF_PROG_GET_FD_BY_ID, "BPF_PROG_GET_FD_BY_ID", GetIdAttributes(prog_id=number), Flags(f"{{prog_id={number}}}")
    )


def prog_name(program: int) -> bytes:
    """BPF_OBJ_GET_INFO_BY_FD: the name that the program was loaded with."""
    info = ProgramInfo()
    attributes = InfoAttributes(program, ctypes.sizeof(info), ctypes.addressof(info))
    bpf(BPF_OBJ_GET_INFO_BY_FD, "BPF_OBJ_GET_INFO_BY_FD", attributes, Flags(f"{{bpf_fd={program}}}"))
    return bytes(info.name)


def bpf(command: int, name: str, attributes: ctypes.Structure, told: Flags) -> int:
    """bpf(2)"""
    size = ctypes.sizeof(attributes)
    return syscall("bpf", command, ctypes.byref(attributes), size, shown=lambda: show("bpf", Flags(name), told, size))
